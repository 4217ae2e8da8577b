"""The keyframes of a segment: where they are, what they saw, and the images of the newest."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

import numpy as np

from mapper.frontends.mono.geometry.rolling import STANDING
from mapper.frontends.mono.tracking.levels import Levels

if TYPE_CHECKING:
    from jaxtyping import Float64, Int64, UInt8

SLOTS: Final = 200  # keyframes whose images are kept: 0.4 MB each at 640x480
RECENT: Final = 20  # keyframes whose points are looked for
SHARED: Final = 15  # points in view that an older keyframe must see for its own to be looked for


@dataclass(eq=False)
class MonoKeyframe:
    """T: T_camera_world (3, 4). ids: (N,), points and seeds that it sees, at pixels (N, 2), with
    weights (N,) [1/px]. velocity: (6,), see rolling.py; 0 as long as nobody knows it."""

    number: int
    frame_index: int
    T: Float64[np.ndarray, "3 4"]
    ids: Int64[np.ndarray, " n"]
    pixels: Float64[np.ndarray, "n 2"]
    weights: Float64[np.ndarray, " n"]
    velocity: Float64[np.ndarray, " 6"] = field(default_factory=lambda: STANDING)

    def add(
        self,
        ids: Int64[np.ndarray, " n"],
        pixels: Float64[np.ndarray, "n 2"],
        weights: Float64[np.ndarray, " n"],
    ) -> None:
        """It sees more."""
        self.ids = np.concatenate([self.ids, ids])
        self.pixels = np.concatenate([self.pixels, pixels])
        self.weights = np.concatenate([self.weights, weights])

    def keep(self, good: np.ndarray) -> None:
        """Only what is good, bool (N,)."""
        self.ids, self.pixels, self.weights = self.ids[good], self.pixels[good], self.weights[good]


class KeyframeStore:
    """All keyframes in the order in which they were made; images of the newest SLOTS."""

    def __init__(self, width: int, height: int) -> None:
        self._all: list[MonoKeyframe] = []
        # Not touched, so not there, until a keyframe comes.
        self.images: UInt8[np.ndarray, "s h w"] = np.empty((SLOTS, height, width), np.uint8)
        self.halves: UInt8[np.ndarray, "s h2 w2"] = np.empty(
            (SLOTS, height // 2, width // 2), np.uint8
        )

    def __len__(self) -> int:
        return len(self._all)

    def __getitem__(self, number: int) -> MonoKeyframe:
        return self._all[number]

    def __iter__(self):  # type: ignore[no-untyped-def]
        return iter(self._all)

    @property
    def poses(self) -> Float64[np.ndarray, "k 3 4"]:
        """T_camera_world of all."""
        return np.stack([keyframe.T for keyframe in self._all])

    @property
    def velocities(self) -> Float64[np.ndarray, "k 6"]:
        """Of all, in their cameras."""
        return np.stack([keyframe.velocity for keyframe in self._all])

    def add(self, frame_index: int, T: Float64[np.ndarray, "3 4"], levels: Levels) -> MonoKeyframe:
        """A keyframe that sees nothing yet."""
        number = len(self._all)
        none = np.zeros(0, np.int64), np.zeros((0, 2)), np.zeros(0)
        keyframe = MonoKeyframe(number, frame_index, T, *none)
        self._all.append(keyframe)
        self.images[number % SLOTS] = levels.grey
        self.halves[number % SLOTS] = levels.half
        return keyframe

    def grey(self, number: int) -> UInt8[np.ndarray, "h w"]:
        """Image of one of the newest SLOTS."""
        return self.images[number % SLOTS]

    def levels(self, number: int) -> Levels:
        """Of one of the newest SLOTS."""
        return Levels(self.images[number % SLOTS], self.halves[number % SLOTS])

    def has_image(self, number: int) -> bool:
        """Whether it is one of them."""
        return number >= len(self._all) - SLOTS

    def shared(self, marked: np.ndarray, first: int = 0) -> Int64[np.ndarray, " k"]:
        """How many of the marked points, bool by id, each keyframe from `first` on sees."""
        return np.array([int(marked[k.ids].sum()) for k in self._all[first:]], np.int64)
