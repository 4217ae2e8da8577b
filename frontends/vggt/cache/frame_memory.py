"""What a stream remembers, frame by frame: keys and values of aggregator and camera head."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from mapper.errors import ConfigError
from mapper.frontends.vggt.cache.budget import SMALLEST_CAPACITY, capacity
from mapper.frontends.vggt.cache.pages import CacheShape, FrameCache
from mapper.frontends.vggt.cache.retention import KeptFrame, victim

WINDOW = 5  # past frames besides the anchor that a session keeps; a batch has one fewer
PAGE_FRAMES = 32
CAMERA_PAGE_FRAMES = 256


@dataclass(frozen=True, slots=True)
class CacheShapes:
    """frames: of a frame in the aggregator. cameras: of an entry in the camera head, of which a
    frame has `entries`. special: camera and register tokens of a frame, which come first. grid: its
    patches (h, w)."""

    frames: CacheShape
    cameras: CacheShape
    entries: int
    special: int
    grid: tuple[int, int]

    @property
    def bytes_of_cameras(self) -> int:
        """Of a frame in the camera head."""
        return self.entries * self.cameras.bytes_per_frame

    @property
    def bytes_per_frame(self) -> int:
        """Of a frame in both."""
        return self.frames.bytes_per_frame + self.bytes_of_cameras


@dataclass(frozen=True, slots=True, eq=False)
class Answered:
    """A frame that was computed. descriptor: (d,). residuals: (layers, B, tokens) of feed-forward
    networks, where they were measured. is_anchor: whether later frames are to be placed by it."""

    frame: int
    descriptor: Tensor
    residuals: Tensor | None = None
    is_anchor: bool = False


class FrameMemory:
    """Whole frames, of which a policy drops one when the budget is spent."""

    def __init__(
        self,
        shapes: CacheShapes,
        device: torch.device,
        budget: int | None,
        policy: str,
        window: bool,
    ) -> None:
        """window: the first and the last frames stay, whatever the budget."""
        self.policy, self._window, self._entries = policy, window, shapes.entries
        self.capacity = None if budget is None else capacity(budget, shapes.bytes_per_frame)
        room = None if self.capacity is None else shapes.entries * self.capacity
        # In a window the anchor, the last frames and the current one fill one page exactly.
        page, small = (WINDOW + 2,) * 2 if window else (PAGE_FRAMES, CAMERA_PAGE_FRAMES)
        self.frames = FrameCache(shapes.frames, device, page, self.capacity)
        self.cameras = FrameCache(shapes.cameras, device, shapes.entries * small, room)
        self.kept: dict[int, KeptFrame] = {}

    @property
    def used_bytes(self) -> int:
        """What the frames take."""
        return self.frames.used_bytes + self.cameras.used_bytes

    @property
    def allocated_bytes(self) -> int:
        """What the caches take, with the room for frames to come."""
        return self.frames.allocated_bytes + self.cameras.allocated_bytes

    @property
    def watches(self) -> bool:
        """Whether the policy needs to know who is attended to."""
        return self.capacity is not None and self.policy == "attention"

    @property
    def holds(self) -> str:
        """What the budget holds, in words."""
        return f"{self.capacity} frames"

    def claim(self, batch: range) -> int | None:
        """Room for new frames; the first that is dropped for them, if any is."""
        first = None
        while self.capacity is not None and len(self.kept) + len(batch) > self.capacity:
            if len(self.kept) < 2:
                raise ConfigError(f"{len(batch)} frames at once do not fit into the kv_budget")
            frame = victim(self.kept, self.policy)
            first = frame if first is None else first
            self._drop(frame)
        self.frames.claim(batch)
        return first

    def commit(
        self, answered: list[Answered], shares: Mapping[int, float], passing: set[int]
    ) -> None:
        """The claimed frames stay. shares: of attention. passing: those that do not stay."""
        self.frames.commit()
        self.cameras.commit()
        for frame, share in shares.items():
            if frame in self.kept:
                self.kept[frame] = self.kept[frame].after(share)
        for each in answered:
            self.kept[each.frame] = KeptFrame(each.frame, each.descriptor)
        for frame in passing:
            self._drop(frame)
        if self._window:
            for frame in sorted(self.kept)[1:-WINDOW]:
                self._drop(frame)

    def rollback(self) -> None:
        """The claimed frames were never there."""
        self.frames.rollback()
        self.cameras.rollback()

    def retreat(self) -> bool:
        """Half as many frames from here on; False where there is none left to forget."""
        remaining = max(SMALLEST_CAPACITY, len(self.kept) // 2)
        if len(self.kept) <= 1 or remaining == self.capacity:
            return False
        self.capacity = remaining
        while len(self.kept) >= remaining:
            self._drop(victim(self.kept, self.policy))
        self.frames.shrink(remaining)
        self.cameras.shrink(remaining * self._entries)
        return True

    def grow_no_more(self) -> bool:
        """From here on as many frames as now; whether that changes anything."""
        held = max(SMALLEST_CAPACITY, len(self.kept))
        if self.capacity is not None and held >= self.capacity:
            return False
        self.capacity = held
        return True

    def _drop(self, frame: int) -> None:
        del self.kept[frame]
        self.frames.drop(frame)
        self.cameras.drop(frame)
