"""Attention of the newest frames to everything in a cache, themselves included."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from torch import Tensor

from mapper.frontends.vggt.cache.pages import FrameCache
from mapper.frontends.vggt.cache.tokens import TokenCache
from mapper.frontends.vggt.config import ITERATIONS


class CachedFrames:
    """Across frames in the aggregator. Frames of one call see one another (spec section 4.3).

    watched: layers in which to note how much attention each frame gets from the newest frames'
    first `watchers` tokens.
    """

    def __init__(
        self, cache: FrameCache | TokenCache, watched: Collection[int], watchers: int
    ) -> None:
        self._cache, self._watched, self._watchers = cache, watched, watchers
        self._received: list[Tensor] = []

    def __call__(self, layer: int, query: Tensor, key: Tensor, value: Tensor) -> Tensor:
        """(B, frames * tokens, heads, d) each; returns (B, frames * tokens, heads * d)."""
        self._cache.store(layer, key, value)
        if layer in self._watched:
            assert isinstance(self._cache, FrameCache), "tokens do not tell whose they are"
            self._received.append(self._cache.received(layer, query[:, : self._watchers]))
        return self._cache.attend(layer, query)

    def shares(self) -> dict[int, float]:
        """Frame to its mean share of the attention, in units of an even share."""
        if not self._received or not isinstance(self._cache, FrameCache):
            return {}
        mean = sum(self._received[1:], start=self._received[0]) / len(self._received)
        frames = self._cache.frames
        return dict(zip(frames, (mean * len(frames)).tolist(), strict=True))


class CachedCameras:
    """Across frames in the camera head.

    shared: all iterations append to one cache, so a frame sees the earlier iterations of itself and
    of all others (StreamVGGT); else each iteration has its own (STream3R).
    """

    def __init__(self, cache: FrameCache, frames: Sequence[int], shared: bool) -> None:
        self._cache, self._frames, self._shared = cache, frames, shared

    def __call__(
        self, iteration: int, block: int, query: Tensor, key: Tensor, value: Tensor
    ) -> Tensor:
        """(B, frames, heads, d) each; returns (B, frames, heads * d)."""
        if block == 0 and (iteration == 0 or self._shared):
            self._cache.claim(self._frames)
        blocks = self._cache.shape.layers // ITERATIONS
        layer = block if self._shared else iteration * blocks + block
        self._cache.store(layer, key, value)
        return self._cache.attend(layer, query)


class FixedFrames:
    """As CachedFrames, for a frame in a full page: nothing but `place` differs between frames."""

    def __init__(self, cache: FrameCache, place: Tensor) -> None:
        self._cache, self._place = cache, place

    def __call__(self, layer: int, query: Tensor, key: Tensor, value: Tensor) -> Tensor:
        """(B, tokens, heads, d) each; returns (B, tokens, heads * d)."""
        self._cache.store_at(layer, key, value, self._place)
        return self._cache.attend(layer, query)


class FixedCameras:
    """As CachedCameras, where each iteration has a cache of its own and the frame is claimed."""

    def __init__(self, cache: FrameCache, place: Tensor) -> None:
        self._mix = FixedFrames(cache, place)
        self._blocks = cache.shape.layers // ITERATIONS

    def __call__(
        self, iteration: int, block: int, query: Tensor, key: Tensor, value: Tensor
    ) -> Tensor:
        """(B, 1, heads, d) each; returns (B, 1, heads * d)."""
        return self._mix(iteration * self._blocks + block, query, key, value)
