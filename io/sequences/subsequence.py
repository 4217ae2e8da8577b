"""Every n-th frame of a part of a sequence."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np

from mapper.core.frame import Frame
from mapper.errors import ConfigError, InputError
from mapper.io.sequences.sequence import NumberedFrames, Sequence


class Subsequence(NumberedFrames):
    """Frames start, start + stride, ... of a sequence, numbered anew from 0; times stay."""

    def __init__(
        self, sequence: Sequence, start: int = 0, stride: int = 1, max_frames: int | None = None
    ) -> None:
        if start < 0 or stride < 1 or (max_frames is not None and max_frames < 1):
            raise ConfigError(
                f"frames from {start} on, every {stride}, at most "
                f"{'all' if max_frames is None else max_frames}: --start must be at least 0, "
                "--stride and --max-frames at least 1"
            )
        self._indices = range(start, len(sequence), stride)[:max_frames]
        if not self._indices:
            raise InputError(
                f"{sequence.path}: start {start} is behind the last of {len(sequence)} frames"
            )
        self._sequence = sequence
        self.kind, self.name, self.path = sequence.kind, sequence.name, sequence.path
        self.has_depth, self.intrinsics = sequence.has_depth, sequence.intrinsics
        self.timestamps = sequence.timestamps[list(self._indices)]
        self.ground_truth = sequence.ground_truth
        self.notes, self.camera_kind = sequence.notes, sequence.camera_kind
        self.working_side: int | None = getattr(sequence, "working_side", None)
        self.lonely_times = _between(sequence.lonely_times, self.timestamps)[::stride]

    def __len__(self) -> int:
        return len(self._indices)

    def _frame(self, index: int) -> Frame:
        return dataclasses.replace(self._sequence[self._indices[index]], index=index)

    def source_files(self, index: int) -> tuple[Path, ...]:
        """The files from which a frame is read; none where the sequence does not tell."""
        files = getattr(self._sequence, "source_files", None)
        return files(self._indices[index]) if files else ()

    def rig_facts(self) -> str:
        """Of the sequence within; empty where it does not tell."""
        facts = getattr(self._sequence, "rig_facts", None)
        return facts() if facts else ""

    def close(self) -> None:
        """Closes the sequence within."""
        self._sequence.close()


def _between(times: np.ndarray, bounds: np.ndarray) -> np.ndarray:
    """Those of times (K,) that lie within the first and last of bounds (N,)."""
    return times[(times >= bounds[0]) & (times <= bounds[-1])]
