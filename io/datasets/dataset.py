"""Sequences with ground truth for the benchmarks, whatever dataset they come from."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np

from mapper.core.geometry import is_rigid
from mapper.core.intrinsics import Intrinsics
from mapper.core.trajectory import Trajectory, matching_times
from mapper.errors import InputError, unknown_name
from mapper.io.datasets.preparation import Preparation
from mapper.io.sequences.decode import read_image
from mapper.io.sequences.file_sequence import check_increasing


@dataclass(frozen=True, slots=True, eq=False)
class BenchSequence:
    """N frames of a dataset as they lie on disk, and what is known about them.

    name: unique within the dataset. images: N files, in order of time.
    timestamps: float64 (N,), seconds, increasing; frame number over frame rate where the dataset
        has none.
    T_world_camera: float64 (N, 4, 4), OpenCV camera axes; a frame without ground truth is NaN
        throughout. None: the sequence has no poses.
    depths, read_depth: N files, and the function that makes float32 (H, W) of one: z in metres,
        0 = invalid, in the view of the image; the resolution may differ from the image's.
    intrinsics: of the images, pixel centres at integer coordinates. None: unknown, or not the same
        in all images.
    masks: N files; what they mark is said by the reader.
    distortion: of the images, OpenCV's k1 k2 p1 p2 k3; empty where there is none.
    prepared: of a folder that holds a selection of the recording's frames already.
    read_image: makes uint8 (H, W, 3), RGB, of one of `images`.
    Raises InputError where the parts do not fit together.
    """

    name: str
    images: list[Path]
    timestamps: np.ndarray
    T_world_camera: np.ndarray | None
    depths: list[Path] | None
    read_depth: Callable[[Path], np.ndarray] | None
    intrinsics: Intrinsics | None
    masks: list[Path] | None
    distortion: tuple[float, ...] = ()
    prepared: Preparation | None = None
    read_image: Callable[[Path], np.ndarray] = read_image

    def __post_init__(self) -> None:
        if not self.images:
            raise InputError(f"{self.name}: no images; is the dataset complete?")
        for what in ("timestamps", "T_world_camera", "depths", "masks"):
            part = getattr(self, what)
            if part is not None and len(part) != len(self.images):
                raise InputError(
                    f"{self.name}: {len(part)} {what} for {len(self.images)} images in "
                    f"{self.images[0].parent}; is the dataset complete?"
                )
        if (self.depths is None) != (self.read_depth is None):
            raise InputError(f"{self.name}: depths and read_depth go together; give both or none")
        check_increasing(self.timestamps, Path(self.name))
        if self.T_world_camera is not None:
            _check_poses(self.T_world_camera, self.name)

    def __len__(self) -> int:
        return len(self.images)


class Dataset(Protocol):
    """A dataset below one folder, in its official layout."""

    @property
    def name(self) -> str:
        """What results and messages call it."""

    @property
    def root(self) -> Path:
        """The folder that holds the scenes."""

    def names(self) -> list[str]:
        """The names of its sequences, sorted, without reading them."""

    def sequence(self, name: str) -> BenchSequence:
        """One sequence; InputError if it is damaged, or there is none of that name."""

    def frame_count(self, name: str) -> int:
        """How many frames the dataset lists for one of its names, be their files there or not.

        0 of what the dataset's own evaluation leaves out. InputError if that cannot be told.
        """

    def sequences(self) -> list[BenchSequence]:
        """All of them; InputError if one is damaged."""


@dataclass(frozen=True, slots=True)
class FolderDataset:
    """A Dataset made of the two functions of a reader.

    find: names of the sequences below a root. read: one sequence, of a root and a name. count: how
    many frames are listed for it, where there are lists.
    """

    name: str
    find: Callable[[Path], list[str]]
    read: Callable[[Path, str], BenchSequence]
    root: Path
    count: Callable[[Path, str], int] | None = None

    def names(self) -> list[str]:
        """See Dataset."""
        return self.find(self.root)

    def frame_count(self, name: str) -> int:
        """See Dataset."""
        if self.count is not None:
            return self.count(self.root, name)
        return len(self.read(self.root, name))

    def sequence(self, name: str) -> BenchSequence:
        """See Dataset."""
        known = self.names()
        if name not in known:
            raise InputError(f"{self.root}: {unknown_name('sequence', name, known)}")
        return self.read(self.root, name)

    def sequences(self) -> list[BenchSequence]:
        """See Dataset."""
        return [self.read(self.root, name) for name in self.names()]


def poses_at(timestamps: np.ndarray, trajectory: Trajectory, tolerance: float) -> np.ndarray:
    """float64 (N, 4, 4): the pose nearest in time to each timestamp (N,), s.

    NaN where none lies within the tolerance, s.
    """
    poses = np.full((len(timestamps), 4, 4), np.nan)
    if len(trajectory):
        rows, known = matching_times(trajectory.timestamps, timestamps, tolerance)
        poses[known] = trajectory.T_world_camera[rows]
    return poses


def _check_poses(T_world_camera: np.ndarray, name: str) -> None:
    """Raises InputError unless the poses (N, 4, 4) are rigid, or NaN, and one at least is rigid."""
    if T_world_camera.shape[1:] != (4, 4) or T_world_camera.dtype != np.float64:
        raise InputError(
            f"{name}: poses are {T_world_camera.dtype} {T_world_camera.shape}; expected float64 "
            "(N, 4, 4)"
        )
    lost = np.isnan(T_world_camera).all(axis=(1, 2))
    if lost.all():
        raise InputError(f"{name}: no frame has a ground-truth pose; is the dataset complete?")
    rigid = is_rigid(T_world_camera[~lost])
    if not rigid.all():
        frame = np.flatnonzero(~lost)[int(np.argmin(rigid))]
        raise InputError(f"{name}: the pose of frame {frame} is no rigid transform")
