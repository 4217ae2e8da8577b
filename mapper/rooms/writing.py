"""A sequence by seed as a folder that `mapper run` reads."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import yaml

from mapper.io.meshes.mesh_files import write_mesh
from mapper.rooms.sequence import RoomSequence
from mapper.rooms.spec import SequenceSpec, described
from mapper.rooms.tum_folder import (
    in_parallel,
    make_folders,
    stamp,
    write_calibration,
    write_frame,
    write_lists,
)
from mapper.runtime.atomic_files import atomic_folder


def write_sequence(
    folder: Path, spec: SequenceSpec, progress: Callable[[int, int], None] | None = None
) -> Path:
    """Write it to `folder` and return that; the same spec, the same bytes.

    The TUM RGB-D format: rgb/, depth/, rgb.txt, depth.txt, groundtruth.txt, calibration.yaml; and
    masks/ (white where something moves), mesh.ply (the exact room, in the world of the truth) and
    spec.yaml with all that was drawn. progress is called with (frames done, frames in all). The
    folder must not exist, or be empty.
    """
    sequence = RoomSequence(spec)
    truth = sequence.ground_truth
    times = [stamp(time) for time in truth.timestamps]

    def write(index: int, target: Path) -> None:
        each = sequence[index]
        write_frame(target, times[index], each.frame.image, each.readings)
        mask = cv2.imencode(".png", np.where(each.moving, 255, 0).astype(np.uint8))[1]
        (target / "masks" / f"{times[index]}.png").write_bytes(mask.tobytes())

    with atomic_folder(folder) as target:
        make_folders(target)
        (target / "masks").mkdir()
        in_parallel(lambda index: write(index, target), len(sequence), progress)
        write_lists(target, times, truth.T_world_camera)
        write_calibration(target, sequence.intrinsics, spec.camera.kind)
        write_mesh(target / "mesh.ply", sequence.mesh())
        (target / "spec.yaml").write_text(yaml.safe_dump(described(spec), sort_keys=False))
    return Path(folder)
