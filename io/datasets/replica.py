"""Replica, as rendered for the SLAM papers.

    ROOT/cam_params.json                  {"camera": {"w", "h", "fx", "fy", "cx", "cy", "scale"}}
    ROOT/room0/traj.txt                   16 numbers a line
    ROOT/room0/results/frame000000.jpg, depth000000.png           1200x680

ROOT may also be the folder above `Replica`. Poses: camera-to-world, row by row, OpenCV axes,
metres, taken over as they are. Depth: 16 bit, `scale` (6553.5) units a metre. 2000 frames a
sequence, 30/s.
Source: Straub et al., "The Replica dataset", arXiv 1906.05797; rendered sequences by Sucar et al.,
"iMAP", ICCV 2021, in the archive of Zhu et al., "NICE-SLAM", CVPR 2022.
"""

from __future__ import annotations

from functools import partial
from pathlib import Path

import numpy as np

from mapper.io.datasets.dataset import BenchSequence
from mapper.io.datasets.layout import require_file, require_images, sequence_names
from mapper.io.sequences.decode import read_depth
from mapper.io.sequences.published.replica import CAMERA, FRAME_RATE, read_camera
from mapper.io.sequences.truth_files import read_matrices


def find(root: Path) -> list[str]:
    """The sequences: office0 to office4, room0 to room2."""
    return sequence_names(
        _home(root),
        "folders like room0 with traj.txt and results/ in them",
        lambda folder: (folder / "traj.txt").is_file() or (folder / "results").is_dir(),
    )


def read(root: Path, name: str) -> BenchSequence:
    """One sequence."""
    home = _home(root)
    files = require_images(home / name / "results", "images frame000000.jpg")
    images = [path for path in files if path.name.startswith("frame")]
    depths = [
        require_file(path.with_name(f"{path.stem.replace('frame', 'depth')}.png"), "its depth")
        for path in images
    ]
    trajectory = require_file(home / name / "traj.txt", "the poses, one a line")
    camera, scale = read_camera(home / CAMERA)
    return BenchSequence(
        name=name,
        images=images,
        timestamps=np.arange(len(images)) / FRAME_RATE,
        T_world_camera=read_matrices(trajectory, len(images)),
        depths=depths,
        read_depth=partial(read_depth, depth_scale=scale),
        intrinsics=camera,
        masks=None,
    )


def _home(root: Path) -> Path:
    nested = root / "Replica"
    return nested if nested.is_dir() else root
