"""What a stream remembers where single tokens stay of frames that are gone."""

from __future__ import annotations

import sys
from collections.abc import Mapping

import torch

from mapper.errors import ConfigError
from mapper.frontends.vggt.cache.budget import SMALLEST_CAPACITY
from mapper.frontends.vggt.cache.frame_memory import CAMERA_PAGE_FRAMES, Answered, CacheShapes
from mapper.frontends.vggt.cache.importance import ImportantTokens
from mapper.frontends.vggt.cache.pages import FrameCache
from mapper.frontends.vggt.cache.retention import KeptFrame, victim
from mapper.frontends.vggt.cache.special import SHARE, SpecialTokens
from mapper.frontends.vggt.cache.tokens import TokenCache


class TokenMemory:
    """Tokens in the aggregator's cache; in the camera head's, where a frame is one token, frames.

    The camera head remembers as many frames as a cache of whole frames would, or, where special
    tokens stay, as many as the aggregator knows anything of.
    """

    def __init__(
        self, shapes: CacheShapes, device: torch.device, budget: int | None, special_stay: bool
    ) -> None:
        """budget: bytes. special_stay: the special tokens of frames that go, else the important."""
        tokens, frames = shared_budget(shapes, budget, special_stay)
        self._entries, self._tokens_per_frame = shapes.entries, shapes.frames.tokens
        self._most_cameras = frames
        room = None if frames is None else frames * shapes.entries
        self.frames = TokenCache(shapes.frames, device, tokens)
        page = shapes.entries * CAMERA_PAGE_FRAMES
        self.cameras = FrameCache(shapes.cameras, device, page, room)
        self.kept: dict[int, KeptFrame] = {}  # in the camera head
        self.important: ImportantTokens | None = None
        self.special: SpecialTokens | None = None
        if special_stay:
            self.special = SpecialTokens(self.frames, shapes.special)
        else:
            self.important = ImportantTokens(self.frames, shapes.special, shapes.grid)

    @property
    def used_bytes(self) -> int:
        """What the tokens take."""
        return self.frames.used_bytes + self.cameras.used_bytes

    @property
    def allocated_bytes(self) -> int:
        """What the caches take, with the room for tokens to come."""
        return self.frames.allocated_bytes + self.cameras.allocated_bytes

    @property
    def watches(self) -> bool:
        """No attention is looked at."""
        return False

    @property
    def holds(self) -> str:
        """What the budget holds, in words."""
        return f"{self.frames.capacity:,} tokens a layer"

    def claim(self, batch: range) -> int | None:
        """Room for new frames; the last frame before them where something was forgotten."""
        tokens = len(batch) * self._tokens_per_frame
        if self._tokens_per_frame + tokens > self.frames.capacity:
            raise ConfigError(f"{len(batch)} frames at once do not fit into the kv_budget")
        rule = self.special or self.important
        assert rule is not None
        forgot = rule.make_room(tokens)
        while self._most_cameras is not None and len(self.kept) + len(batch) > self._most_cameras:
            gone = victim(self.kept, "overlap")
            del self.kept[gone]
            self.cameras.drop(gone)
        self.frames.claim(tokens)
        return batch.start - 1 if forgot else None

    def commit(self, answered: list[Answered], _: Mapping[int, float], passing: set[int]) -> None:
        """The claimed frames stay, but for those that are passing: of one call, all or none."""
        self.cameras.commit()
        for each in answered:
            self.kept[each.frame] = KeptFrame(each.frame, each.descriptor)
        if passing:
            self.frames.rollback()
            for frame in passing:
                del self.kept[frame]
                self.cameras.drop(frame)
            return
        self.frames.commit()
        for each in answered:
            self._note(each)

    def rollback(self) -> None:
        """The claimed frames were never there."""
        self.frames.rollback()
        self.cameras.rollback()

    def retreat(self) -> bool:
        """Half as many tokens from here on; False where there is none left to forget."""
        return self._limit(self.frames.count // 2 + self._tokens_per_frame)

    def grow_no_more(self) -> bool:
        """From here on as many tokens as now; whether that changes anything."""
        return self._limit(self.frames.count)

    def _note(self, each: Answered) -> None:
        if self.special is not None:
            self.special.note(self.kept[each.frame])
            return
        assert self.important is not None and each.residuals is not None
        self.important.note(each.residuals)
        if each.is_anchor:
            self.important.anchor()

    def _limit(self, capacity: int) -> bool:
        """Whether the capacity can be, and now is, so small."""
        rule = self.special or self.important
        assert rule is not None
        try:
            rule.check(capacity)
        except ConfigError:
            return False
        if capacity >= self.frames.capacity:
            return False
        self.frames.capacity = capacity
        rule.make_room(self._tokens_per_frame)
        self.frames.shrink(capacity)
        return True


def shared_budget(
    shapes: CacheShapes, budget: int | None, special_stay: bool
) -> tuple[int, int | None]:
    """Tokens in the aggregator's cache, and frames in the camera head's, that a budget holds."""
    if budget is None:
        return sys.maxsize, None
    per_token = shapes.frames.bytes_per_frame / shapes.frames.tokens
    frames_per_token = 1 / shapes.frames.tokens
    if special_stay:
        frames_per_token += SHARE / shapes.special
    tokens = budget / (per_token + frames_per_token * shapes.bytes_of_cameras)
    frames = max(SMALLEST_CAPACITY, int(tokens * frames_per_token))
    left = budget - frames * shapes.bytes_of_cameras
    return max(int(left / per_token), 0), frames
