"""Frames in one at a time, answers out as chunks are complete and aligned.

Source: DA3-Streaming without its loops, which our backend closes, by our own description of it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from mapper.core.intrinsics import Intrinsics
from mapper.frontends.da3.chunks.alignment import Overlap, Similarity, similarity_of
from mapper.frontends.da3.chunks.placing import moved_poses, world_points
from mapper.frontends.da3.chunks.ranges import chunk_ranges
from mapper.frontends.keyframe_loop.stream import JointNetwork, Streamed, Together

if TYPE_CHECKING:
    from jaxtyping import UInt8


FIRST: Final = Similarity(1.0, np.eye(3), np.zeros(3))


@dataclass(frozen=True, slots=True, eq=False)
class _Seen:
    number: int
    kept: Any
    camera: Intrinsics | None


class ChunkStream:
    """Chunks of `size` frames, each of which begins with the last `overlap` of the one before; a
    frame is answered by the last chunk that it is in. ConfigError where the two do not fit."""

    def __init__(self, network: JointNetwork, size: int, overlap: int) -> None:
        chunk_ranges(size + 1, size, overlap)
        self._network, self._size, self._overlap = network, size, overlap
        self.frames = 0
        self._waiting: list[_Seen] = []
        self._along = FIRST  # of the last chunk into the first
        self._last: Overlap | None = None  # its last frames, in its own frame

    def step(
        self, image: UInt8[np.ndarray, "h w 3"], camera: Intrinsics | None = None
    ) -> list[Streamed]:
        """The answers of the frames that no later chunk has."""
        self._waiting.append(_Seen(self.frames, self._network.own(image), camera))
        self.frames += 1
        # One more than a chunk: the last chunk of a sequence leaves no overlap waiting.
        if len(self._waiting) <= self._size:
            return []
        return self._call(self._waiting[: self._size], self._size - self._overlap)

    def flush(self) -> list[Streamed]:
        """The answers of the frames that still wait."""
        return self._call(self._waiting, len(self._waiting)) if self._waiting else []

    def _call(self, frames: Sequence[_Seen], leaving: int) -> list[Streamed]:
        said = self._network.together(
            [f.kept for f in frames], [f.camera for f in frames], len(frames)
        )
        self._waiting = self._waiting[leaving:]
        if said is None:
            self._last, self._along = None, FIRST
            return [Streamed(frame.number) for frame in frames[:leaving]]
        if self._last is not None:
            shared = _overlap(said, slice(0, len(self._last.depth)))
            self._along = self._along.after(similarity_of(self._last, shared))
        self._last = _overlap(said, slice(leaving, None)) if leaving < len(frames) else None
        poses = moved_poses(said.T_world_camera, self._along)
        return [
            Streamed(
                frame.number,
                poses[place],
                said.cameras[place],
                np.float32(self._along.scale) * said.depth[place],
                said.confidence[place],
                said.descriptors[place],
            )
            for place, frame in enumerate(frames[:leaving])
        ]


def _overlap(said: Together, part: slice) -> Overlap:
    cameras = said.cameras[part]
    K = np.array([[[c.fx, 0, c.cx], [0, c.fy, c.cy], [0, 0, 1]] for c in cameras])
    depth = said.depth[part]
    points = world_points(depth, K, said.T_world_camera[part])
    return Overlap(points, depth, said.confidence[part] - 1)
