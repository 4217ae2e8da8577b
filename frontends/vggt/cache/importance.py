"""Which single tokens a full cache keeps: those that mattered when new and differ from the rest."""

from __future__ import annotations

import math
from typing import Final

import torch
from torch import Tensor
from torch.nn import functional

from mapper.errors import ConfigError
from mapper.frontends.vggt.cache.tokens import TokenCache

SHARE_OF_NEW: Final = 0.5  # of a token's worth; the rest is how its key differs from the mean key
ANCHORS: Final = 3  # later ones, at most
ANCHOR_TOKENS: Final = 0.05  # of a later anchor, which stay for good


class ImportantTokens:
    """Token by token and layer by layer: the worth of each, and what stays.

    A token's importance is the length of what the feed-forward network added to it when it was new,
    evened out over 3x3 patches and scaled to 0..1 within its frame; camera and register tokens have
    1. How much it differs is one minus the cosine of its key and the mean key, scaled likewise over
    the cache. The first frame stays whole, and so do a twentieth of up to three later anchors.
    Source: the description of OVGGT, 2026, as far as it is known; no attention is read.
    """

    def __init__(self, cache: TokenCache, special: int, grid: tuple[int, int]) -> None:
        """special: camera and register tokens of a frame, which come first. grid: its patches."""
        self._cache, self._special, self._grid = cache, special, grid
        self._importance: list[Tensor] = []  # of each layer, (B, count)
        self._anchors = 0
        self._anchor_tokens = math.ceil(ANCHOR_TOKENS * cache.shape.tokens)
        self.check(cache.capacity)

    def check(self, capacity: int) -> None:
        """Raise ConfigError unless anchors and a new frame fit into so many tokens."""
        tokens = self._cache.shape.tokens
        needed = 2 * tokens + ANCHORS * self._anchor_tokens
        if capacity < needed:
            raise ConfigError(
                f"the kv_budget holds {capacity:,} tokens a layer, but anchors and a new frame "
                f"take {needed:,}: give more, a smaller image_size, or mode=window"
            )

    def make_room(self, tokens: int) -> bool:
        """Forget what is worth least until so many fit; whether anything was forgotten."""
        left = self._cache.capacity - tokens
        if self._cache.count <= left:
            return False
        for layer, importance in enumerate(self._importance):
            places = self._worth(layer).topk(left, 1).indices.sort(1).values
            self._cache.keep(layer, places)
            self._importance[layer] = importance.gather(1, places)
        self._cache.kept(left)
        return True

    def note(self, residuals: Tensor) -> None:
        """A frame's tokens were added. residuals: (layers, B, tokens), lengths."""
        scaled = scaled_to_one(smoothed(residuals[..., self._special :], self._grid))
        special = torch.ones_like(residuals[..., : self._special])
        importance = torch.cat([special, scaled], -1)
        if not self._importance:  # the first frame stays whole
            self._importance = list(torch.full_like(importance, math.inf))
            return
        self._importance = [
            torch.cat([before, new], 1)
            for before, new in zip(self._importance, importance, strict=True)
        ]

    def anchor(self) -> bool:
        """The newest frame is one by which later ones are placed, if there is still room for it."""
        if self._anchors == ANCHORS:
            return False
        self._anchors += 1
        first = self._cache.count - self._cache.shape.tokens
        for layer, importance in enumerate(self._importance):
            worth = self._worth(layer)[:, first:]
            best = worth.topk(self._anchor_tokens, 1).indices + first
            importance.scatter_(1, best, math.inf)
        return True

    def _worth(self, layer: int) -> Tensor:
        """(B, count)."""
        keys = self._cache.keys(layer)
        alike = functional.cosine_similarity(keys, keys.mean(1, keepdim=True), dim=-1)
        differs = scaled_to_one(1 - alike)
        return SHARE_OF_NEW * self._importance[layer] + (1 - SHARE_OF_NEW) * differs


def smoothed(values: Tensor, grid: tuple[int, int]) -> Tensor:
    """The mean of each patch and its neighbours; (..., h * w)."""
    maps = values.unflatten(-1, grid).flatten(0, -3)[:, None]
    return functional.avg_pool2d(maps, 3, 1, 1, count_include_pad=False).reshape(values.shape)


def scaled_to_one(values: Tensor) -> Tensor:
    """From 0 for the smallest to 1 for the largest along the last axis; 0 where all are equal."""
    least, most = values.amin(-1, keepdim=True), values.amax(-1, keepdim=True)
    return (values - least) / (most - least).clamp(min=torch.finfo(values.dtype).tiny)
