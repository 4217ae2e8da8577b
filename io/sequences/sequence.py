"""The common type of every input: a numbered, re-readable list of frames."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from pathlib import Path
from typing import Protocol

import numpy as np

from mapper.core.camera_kinds import CameraKind
from mapper.core.frame import Frame
from mapper.core.intrinsics import Intrinsics
from mapper.core.trajectory import Trajectory


class Sequence(Protocol):
    """Frames on disk, read one at a time and in any order.

    kind: "tum", "7scenes", "kitti", "images", "video" or "rosbag".
    timestamps: float64 (N,), seconds, increasing.
    intrinsics: of the frames as they are handed out (undistorted), None if unknown.
    ground_truth: poses of the camera that the frames' intrinsics describe, or None.
    camera_kind: how the depth camera measures; None where neither format nor calibration tells.
    lonely_times: (K,), seconds, of colour images that are no frames, as they have no depth.
    notes: sentences about what was found and passed over, for whoever maps the sequence.
    """

    kind: str
    name: str
    path: Path
    has_depth: bool
    intrinsics: Intrinsics | None
    timestamps: np.ndarray
    ground_truth: Trajectory | None
    camera_kind: CameraKind | None
    lonely_times: np.ndarray
    notes: tuple[str, ...]

    def __len__(self) -> int: ...

    def __getitem__(self, index: int) -> Frame:
        """The frame at `index` in [0, len). Raises InputError naming the file if unreadable."""
        ...

    def __iter__(self) -> Iterator[Frame]:
        """The frames in order."""
        ...

    def close(self) -> None:
        """Release open files (a video's)."""
        ...


class NumberedFrames(ABC):
    """What sequences do alike, who say how many frames they have and make one; see Sequence."""

    __slots__ = ()

    @abstractmethod
    def __len__(self) -> int: ...

    @abstractmethod
    def _frame(self, index: int) -> Frame:
        """The frame of a number that there is."""

    def __getitem__(self, index: int) -> Frame:
        if not 0 <= index < len(self):
            raise IndexError(f"frame {index} of {len(self)}")
        return self._frame(index)

    def __iter__(self) -> Iterator[Frame]:
        return (self[index] for index in range(len(self)))
