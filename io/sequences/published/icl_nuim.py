"""ICL-NUIM in its PNG form: rgb/0.png, depth/0.png, associations.txt, livingRoom1.gt.freiburg.

Depth: 16 bit, 5000 units a metre, rendered. Camera: f = 481.2, -480.0, c = (319.5, 239.5): y of the
published camera points up, and its poses are of that mirrored camera; frames here are of one with y
down, whose world is mirrored with it. Truth: number of the frame, position, quaternion xyzw; 30
frames a second. Source: Handa et al., "A benchmark for RGB-D visual odometry, 3D reconstruction and
SLAM", ICRA 2014, www.doc.ic.ac.uk/~ahanda/VaFRIC/iclnuim.html.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

import numpy as np

from mapper.core.intrinsics import Intrinsics
from mapper.core.trajectory import Trajectory
from mapper.errors import InputError
from mapper.io.cameras.calibration import Calibration, find_calibration
from mapper.io.cameras.camera import Camera
from mapper.io.cameras.rig import Rig
from mapper.io.sequences.file_sequence import FileSequence
from mapper.io.sequences.image_files import list_images
from mapper.io.sequences.truth_files import Truth, optional_truth, read_truth

FRAME_RATE = 30.0  # 1/s
DEPTH_SCALE = 5000.0  # units per metre
CAMERA = Intrinsics(481.2, 480.0, 319.5, 239.5, 640, 480)
_MIRROR: Final = np.diag([1.0, -1.0, 1.0, 1.0])  # of the camera and of its world


def is_icl_nuim(path: Path) -> bool:
    """Whether a folder holds rgb/, depth/ and a truth named *.gt.freiburg."""
    has_images = (path / "rgb").is_dir() and (path / "depth").is_dir()
    return has_images and _truth_file(path) is not None


def open_icl_nuim(
    path: Path, calibration: Path | None = None, registration: str = "auto"
) -> FileSequence:
    """Frames by the numbers in their names."""
    path = path.resolve()
    images = {p.stem: p for p in list_images(path / "rgb") if p.stem.isdigit()}
    depths = {p.stem: p for p in list_images(path / "depth")}
    names = [name for name in images if name in depths]
    if not names:
        raise InputError(f"{path}: no pairs like rgb/0.png and depth/0.png; unpack it again")
    cameras = find_calibration(calibration, (path,)) or Calibration(Camera(CAMERA))
    file = _truth_file(path)
    assert file is not None
    truth, notes = optional_truth(lambda: _truth(file))
    return FileSequence(
        kind="icl-nuim",
        name=path.name,
        path=path,
        timestamps=np.array([int(name) for name in names]) / FRAME_RATE,
        color_paths=tuple(images[name] for name in names),
        depth_paths=tuple(depths[name] for name in names),
        depth_scale=cameras.depth_scale or DEPTH_SCALE,
        rig=Rig(cameras, registration, (0, 0)),
        ground_truth=truth,
        notes=notes,
    )


def _truth_file(path: Path) -> Path | None:
    return next(iter(sorted(path.glob("*.gt.freiburg"))), None)


def _truth(file: Path) -> Truth:
    numbered, notes = read_truth(file)
    poses = _MIRROR @ numbered.T_world_camera @ _MIRROR
    return Trajectory(numbered.timestamps / FRAME_RATE, poses), notes
