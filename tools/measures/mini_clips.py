"""Clips that a small network is judged by: drawn rooms, and stretches of a recording."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from mapper.core.frame import Frame
from mapper.errors import InputError
from mapper.io.sequences.open_sequence import open_sequence
from mapper.train.data.room_files import RoomFiles
from mapper.train.data.scene import PackedScene


@dataclass(frozen=True, slots=True)
class Clip:
    """frames: of colour alone, numbered from 0, the camera unknown. depths: along z, 0 = none.
    T_world_camera: true."""

    name: str
    frames: list[Frame]
    depths: list[np.ndarray]
    T_world_camera: np.ndarray


def room_clips(files: RoomFiles, rooms: Sequence[int], stride: int) -> Iterator[Clip]:
    """A walk each."""
    with tempfile.TemporaryDirectory() as folder:
        for room in rooms:
            scene = PackedScene(files.write(room, Path(folder)))
            views = [scene.view(k) for k in range(0, len(scene), stride)]
            yield Clip(
                f"{files.split} {room}",
                [Frame(k, k / 30, view.image, None) for k, view in enumerate(views)],
                [view.depth for view in views],
                np.stack([view.T_world_camera for view in views]),
            )


def recorded_clips(path: Path, first: int, last: int, length: int, stride: int) -> Iterator[Clip]:
    """Stretches of `length` frames between two frames of a recording with depth and true poses, its
    depth brought to the colour camera's view where both are apart."""
    registration = "depth_to_color" if "7scenes" in str(path.resolve()) else "auto"
    sequence = open_sequence(path, registration=registration)
    truth = sequence.ground_truth
    if truth is None or not sequence.has_depth:
        raise InputError(f"{path}: expected a recording with depth and true poses")
    nearest = np.abs(truth.timestamps - sequence.timestamps[:, None]).argmin(1)
    for start in range(first, last - length + 1, length):
        which = range(start, start + length, stride)
        shots = [sequence[number] for number in which]
        yield Clip(
            f"{path.name} from {start}",
            [Frame(k, k / 30, shot.image, None) for k, shot in enumerate(shots)],
            [np.asarray(shot.depth) for shot in shots],
            truth.T_world_camera[nearest[list(which)]],
        )
