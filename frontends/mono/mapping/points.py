"""The points of a segment, and the tracks that are not points yet."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

if TYPE_CHECKING:
    from jaxtyping import Float64, Int64

GONE, SEED, POINT = 0, 1, 2
CAPACITY: Final = 4096
MIN_DUE: Final = 6  # views that should have shown a point, before it is judged by them
MIN_FOUND: Final = 0.3


class Points:
    """Rows by id, in growing arrays; ids are never used again.

    state: GONE, SEED (followed, of unknown depth) or POINT. places: (N, 3), world. hosts: keyframe
    where each was first seen. pixels: (N, 2), there. views: keyframes that see it.
    due, found: frames that should have shown a point, and did.
    """

    def __init__(self) -> None:
        self._count = 0
        self._state = np.zeros(CAPACITY, np.int8)
        self._places = np.zeros((CAPACITY, 3))
        self._hosts = np.zeros(CAPACITY, np.int64)
        self._pixels = np.zeros((CAPACITY, 2))
        self._views = np.zeros(CAPACITY, np.int64)
        self._due = np.zeros(CAPACITY, np.int64)
        self._found = np.zeros(CAPACITY, np.int64)

    def __len__(self) -> int:
        return self._count

    @property
    def state(self) -> np.ndarray:
        """int8 (N,)."""
        return self._state[: self._count]

    @property
    def places(self) -> Float64[np.ndarray, "n 3"]:
        """Of seeds zero."""
        return self._places[: self._count]

    @property
    def hosts(self) -> Int64[np.ndarray, " n"]:
        """Numbers of keyframes."""
        return self._hosts[: self._count]

    @property
    def pixels(self) -> Float64[np.ndarray, "n 2"]:
        """In the host."""
        return self._pixels[: self._count]

    @property
    def views(self) -> Int64[np.ndarray, " n"]:
        """Of keyframes."""
        return self._views[: self._count]

    def add(self, host: int, pixels: Float64[np.ndarray, "n 2"]) -> Int64[np.ndarray, " n"]:
        """New seeds, first seen by a keyframe at pixels (N, 2); their ids."""
        first, self._count = self._count, self._count + len(pixels)
        while self._count > len(self._state):
            self._grow()
        ids = np.arange(first, self._count)
        self._state[ids], self._hosts[ids], self._pixels[ids] = SEED, host, pixels
        return ids

    def place(self, ids: Int64[np.ndarray, " n"], places: Float64[np.ndarray, "n 3"]) -> None:
        """Seeds become points, or points move."""
        self._state[ids], self._places[ids] = POINT, places

    def drop(self, ids: Int64[np.ndarray, " n"]) -> None:
        """They are nowhere."""
        self._state[ids] = GONE

    def seen_by_keyframe(self, ids: Int64[np.ndarray, " n"], count: int = 1) -> None:
        """Another keyframe sees them; or, with -1, one less."""
        self._views[ids] += count

    def judge(self, due: Int64[np.ndarray, " n"], found: Int64[np.ndarray, " m"]) -> None:
        """A frame should have shown some points and did show others; what hardly shows goes."""
        self._due[due] += 1
        self._found[found] += 1
        rare = (self._due[due] >= MIN_DUE) & (self._found[due] < MIN_FOUND * self._due[due])
        self.drop(due[rare])

    def scale(self, factor: float) -> None:
        """All places, by so much."""
        self._places *= factor

    def _grow(self) -> None:
        for name in ("_state", "_places", "_hosts", "_pixels", "_views", "_due", "_found"):
            old = getattr(self, name)
            setattr(self, name, np.concatenate([old, np.zeros_like(old)]))
