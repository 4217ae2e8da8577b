"""Frames that are larger than a map can use, reduced to a bounded size as they are read."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

import cv2
import numpy as np

from mapper.core.camera_noise import CameraNoise
from mapper.core.frame import Frame
from mapper.errors import InputError
from mapper.io.sequences.sequence import NumberedFrames, Sequence
from mapper.runtime.kernels import kernel
from mapper.vision.image_sizes import reduced_mask

if TYPE_CHECKING:
    from jaxtyping import Float32


class BoundedSequence(NumberedFrames):
    """A sequence whose images' longer sides are at most `max_side` pixels; all else stays.

    max_side: 0 = whatever they are; a sequence whose depth is smaller than its images says itself
    what they are worth, and the smaller counts. stored: the sequence as it is. original: width and
    height as they are read. size: as they are handed out. Where nobody knows the intrinsics the
    first frame tells them; both are None where that one cannot be read. camera: what the depth is
    taken for; the frames carry its noise.
    """

    def __init__(
        self, sequence: Sequence, max_side: int, camera: CameraNoise | None = None
    ) -> None:
        side: int | None = getattr(sequence, "working_side", None)
        if side is not None:
            max_side = min(side, max_side or side)
        self.stored, self._max_side, self.camera = sequence, max_side, camera
        self.kind, self.name, self.path = sequence.kind, sequence.name, sequence.path
        self.has_depth, self.timestamps = sequence.has_depth, sequence.timestamps
        self.ground_truth, self.notes = sequence.ground_truth, sequence.notes
        self.lonely_times, self.camera_kind = sequence.lonely_times, sequence.camera_kind
        self.original = original = _size(sequence)
        self.size = None if original is None else bounded_size(*original, max_side)
        intrinsics = sequence.intrinsics
        self.intrinsics = intrinsics
        if intrinsics is not None and self.size is not None and self.size != original:
            self.intrinsics = intrinsics.resized(*self.size)

    def __len__(self) -> int:
        return len(self.stored)

    def _frame(self, index: int) -> Frame:
        frame = bounded_frame(self.stored[index], self._max_side)
        if self.camera is None:
            return frame
        return dataclasses.replace(frame, noise=self.camera.noise)

    def close(self) -> None:
        """Closes the sequence within."""
        self.stored.close()


def bounded_size(width: int, height: int, max_side: int) -> tuple[int, int]:
    """(width, height) of the same shape whose longer side is at most max_side pixels; 0 = any."""
    share = max_side / max(width, height)
    if share >= 1 or max_side == 0:
        return width, height
    return max(1, round(width * share)), max(1, round(height * share))


def bounded_frame(frame: Frame, max_side: int) -> Frame:
    """The frame at that size: colour is averaged over areas, depth is read where it was."""
    height, width = frame.image.shape[:2]
    size = bounded_size(width, height, max_side)
    if size == (width, height):
        return frame
    reduced = dataclasses.replace(
        frame,
        image=cv2.resize(frame.image, size, interpolation=cv2.INTER_AREA),
        depth=None if frame.depth is None else reduced_depth(frame.depth, *size),
        intrinsics=None if frame.intrinsics is None else frame.intrinsics.resized(*size),
        mask=None,
    )
    return reduced if frame.mask is None else reduced.masked(reduced_mask(frame.mask, size))


@kernel()
def reduced_depth(
    depth: Float32[np.ndarray, "h w"], width: int, height: int
) -> Float32[np.ndarray, "height width"]:
    """Depth at a smaller size: in each new pixel's area the reading nearest to its middle.

    No two readings are averaged: they may be of two surfaces. An area without one stays 0.
    """
    rows, columns = depth.shape
    reduced = np.zeros((height, width), np.float32)
    for row in range(height):
        top, bottom = row * rows // height, (row + 1) * rows // height
        middle_row = (row + 0.5) * rows / height - 0.5
        for column in range(width):
            left, right = column * columns // width, (column + 1) * columns // width
            middle_column = (column + 0.5) * columns / width - 0.5
            nearest = np.inf
            for v in range(top, bottom):
                for u in range(left, right):
                    off = (v - middle_row) ** 2 + (u - middle_column) ** 2
                    if depth[v, u] > 0 and off < nearest:
                        nearest = off
                        reduced[row, column] = depth[v, u]
    return reduced


def _size(sequence: Sequence) -> tuple[int, int] | None:
    """Width and height of its frames."""
    if sequence.intrinsics is not None:
        return sequence.intrinsics.width, sequence.intrinsics.height
    try:
        height, width = sequence[0].image.shape[:2]
    except InputError:  # which is counted when the frame's turn comes
        return None
    return width, height
