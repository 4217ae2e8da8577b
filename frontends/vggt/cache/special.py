"""Of frames that a full cache forgets, the camera and register tokens stay."""

from __future__ import annotations

from typing import Final

import torch

from mapper.errors import ConfigError
from mapper.frontends.vggt.cache.retention import KeptFrame, victim
from mapper.frontends.vggt.cache.tokens import TokenCache

SHARE: Final = 0.25  # of the cache, that such tokens take at most; then the oldest of them go


class SpecialTokens:
    """Frames go as by `overlap`, but for their special tokens, which are few and say much."""

    def __init__(self, cache: TokenCache, special: int) -> None:
        """special: camera and register tokens of a frame, which come first."""
        self._cache, self._special = cache, special
        self._lying: list[tuple[int, int]] = []  # frame, and how many of its tokens lie there
        self.kept: dict[int, KeptFrame] = {}  # whole ones
        self.check(cache.capacity)

    def check(self, capacity: int) -> None:
        """Raise ConfigError unless the first frame, the last and a new one fit."""
        needed = 3 * self._cache.shape.tokens
        if capacity < needed:
            raise ConfigError(
                f"the kv_budget holds {capacity:,} tokens a layer, but the first frame, the last "
                f"and a new one take {needed:,}: give more, a smaller image_size, or mode=window"
            )

    @property
    def frames(self) -> list[int]:
        """Of which anything is there, in their order."""
        return [frame for frame, _ in self._lying]

    def make_room(self, tokens: int) -> bool:
        """Forget frames until so many tokens fit; whether any was."""
        lying, most = list(self._lying), SHARE * self._cache.capacity
        while sum(count for _, count in lying) + tokens > self._cache.capacity:
            gone = victim(self.kept, "overlap")
            del self.kept[gone]
            lying = [(f, self._special if f == gone else count) for f, count in lying]
            while sum(count for f, count in lying if f not in self.kept) > most:
                lying.remove(next(each for each in lying if each[0] not in self.kept))
        if lying == self._lying:
            return False
        self._keep(dict(lying))
        return True

    def note(self, frame: KeptFrame) -> None:
        """A frame's tokens were added."""
        self._lying.append((frame.frame, self._cache.shape.tokens))
        self.kept[frame.frame] = frame

    def _keep(self, counts: dict[int, int]) -> None:
        """The first tokens of each frame."""
        places: list[int] = []
        start = 0
        for frame, count in self._lying:
            places += range(start, start + counts.get(frame, 0))
            start += count
        index = torch.tensor(places, device=self._cache.device)
        index = index.expand(self._cache.shape.batch, -1)
        for layer in range(self._cache.shape.layers):
            self._cache.keep(layer, index)
        self._cache.kept(len(places))
        self._lying = list(counts.items())
