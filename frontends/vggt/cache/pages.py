"""Keys and values of past frames: pages that are moved at most while they grow, slots that are
overwritten.

Positions know no time, so a frame's place in the cache is of no account: a dropped frame leaves a
hole, the next frame is written into it, and nothing is shifted or copied.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

import torch
from torch import Tensor

from mapper.errors import ConfigError
from mapper.frontends.vggt.cache.kernels import Part, attend_parts, choose
from mapper.frontends.vggt.cache.storage import Storage

SMALLEST_PAGE: Final = 4  # frames, from which the last page doubles until it is a whole one


@dataclass(frozen=True, slots=True)
class CacheShape:
    """Of one frame in all layers. tokens: of a frame. storage: how they are kept."""

    layers: int
    batch: int
    tokens: int
    heads: int
    head_dim: int
    storage: Storage

    @property
    def bytes_per_frame(self) -> int:
        """Keys and values together."""
        vectors = 2 * self.layers * self.batch * self.tokens * self.heads
        return self.storage.bytes(vectors, self.head_dim)


@dataclass(frozen=True, slots=True, eq=False)
class Page:
    """Room for some frames. entries: (2, layers, B, heads, frames, tokens, d), keys then values;
    scales: the same with d = 1, or None. What a head reads lies side by side."""

    entries: Tensor
    scales: Tensor | None

    @staticmethod
    def empty(shape: CacheShape, frames: int, device: torch.device) -> Page:
        """Room for so many frames."""
        size = (2, shape.layers, shape.batch, shape.heads, frames, shape.tokens, shape.head_dim)
        entries = torch.empty(size, dtype=shape.storage.dtype, device=device)
        if not shape.storage.scaled:
            return Page(entries, None)
        return Page(entries, torch.empty(*size[:-1], 1, dtype=torch.bfloat16, device=device))

    @property
    def frames(self) -> int:
        """How many it has room for."""
        return self.entries.shape[4]

    def tensors(self) -> list[Tensor]:
        """What it holds in memory."""
        return [self.entries] if self.scales is None else [self.entries, self.scales]


class FrameCache:
    """Frames by an id of the caller's; `claim` slots, `store` each layer, then `commit`."""

    def __init__(
        self,
        shape: CacheShape,
        device: torch.device,
        page_frames: int,
        capacity: int | None = None,
    ) -> None:
        """page_frames: that lie together at most. capacity: frames at most; None: any."""
        self.shape, self.device, self.capacity = shape, device, capacity
        self.page_frames = min(page_frames, capacity or page_frames)
        self._first_frames = min(SMALLEST_PAGE, self.page_frames)
        if self.page_frames < 2 * SMALLEST_PAGE:
            self._first_frames = self.page_frames
        self._pages: list[Page] = []
        self._slots: list[int | None] = []  # the frame in each; None where one was dropped
        self._claimed: list[int] = []  # slots of the frames that are being computed
        self._places: Tensor | None = None

    @property
    def frames(self) -> list[int]:
        """The ids of the frames in the cache, in the order of their slots."""
        return [frame for frame in self._slots if frame is not None]

    @property
    def allocated_bytes(self) -> int:
        """What the pages take, filled or not."""
        return sum(t.numel() * t.element_size() for p in self._pages for t in p.tensors())

    @property
    def used_bytes(self) -> int:
        """Memory that the frames in it take up."""
        return len(self.frames) * self.shape.bytes_per_frame

    def claim(self, frames: Sequence[int]) -> None:
        """Slots for new frames, in holes first; until `commit`, `rollback` takes them back."""
        if self.capacity is not None and len(self.frames) + len(frames) > self.capacity:
            raise ConfigError(
                f"{len(frames)} frames at once do not fit: the cache holds {self.capacity}, and "
                f"{len(self.frames)} are in it"
            )
        for frame in frames:
            slot = self._slots.index(None) if None in self._slots else len(self._slots)
            if slot == len(self._slots):
                self._make_room(slot)
                self._slots.append(None)
            self._slots[slot] = frame
            self._claimed.append(slot)
        self._close_holes()

    def store(self, layer: int, key: Tensor, value: Tensor) -> None:
        """Keys and values (B, frames * tokens, heads, d) of the frames claimed last, in order."""
        tokens = self.shape.tokens
        count = key.shape[1] // tokens
        for number, slot in enumerate(self._claimed[-count:]):
            page, place = self._place(slot)
            part = slice(number * tokens, (number + 1) * tokens)
            frame = [vectors[:, part].transpose(1, 2) for vectors in (key, value)]
            if page.scales is None:
                for kind, vectors in enumerate(frame):
                    page.entries[kind, layer, :, :, place] = vectors
                continue
            entries, scale = self.shape.storage.packed(torch.stack(frame))
            page.entries[:, layer, :, :, place] = entries
            assert scale is not None
            page.scales[:, layer, :, :, place] = scale

    def place(self) -> Tensor | None:
        """(1,) where the claimed frame lies in a cache that is one full page, on the device; None
        for any other. What is then computed is the same for every frame but for this number."""
        is_full = len(self._pages) == 1 and len(self._slots) == self._pages[0].frames
        if not is_full or len(self._claimed) != 1 or self.shape.storage.scaled:
            return None
        if self._places is None:  # here once: a copy a frame would wait for the device
            self._places = torch.arange(len(self._slots), device=self.device)
        slot = self._claimed[0]
        return self._places[slot : slot + 1]

    def store_at(self, layer: int, key: Tensor, value: Tensor, place: Tensor) -> None:
        """Keys and values of one frame where `place` says."""
        for kind, vectors in enumerate((key, value)):
            frame = vectors.transpose(1, 2)[:, :, None].to(self.shape.storage.dtype)
            self._pages[0].entries[kind, layer].index_copy_(2, place, frame)

    def attend(self, layer: int, query: Tensor) -> Tensor:
        """Mixes the values of all frames, the claimed ones too; (B, m, heads, d) to (B, m, C), in
        the query's type or in float32, which layers round themselves."""
        storage = self.shape.storage
        # Rounding the query is far cheaper than widening the cache at every layer of every frame.
        # Older GPUs have no kernel that takes bfloat16, though.
        rounds = not storage.scaled and choose(query.device, storage.dtype) is not None
        dtype = storage.dtype if rounds else query.dtype
        parts = (self._part(layer, page, dtype) for page in self._used())
        mixed = attend_parts(query.to(dtype), parts)
        return mixed if mixed.dtype == torch.float32 else mixed.to(query.dtype)

    def convert(self, storage: Storage) -> None:
        """Keep everything in another type from here on; neither type has scales."""
        self.shape = replace(self.shape, storage=storage)
        self._pages = [Page(page.entries.to(storage.dtype), None) for page in self._pages]

    def received(self, layer: int, query: Tensor) -> Tensor:
        """(frames,): the share of some queries' attention that each frame gets, by slot."""
        scaled = query * query.shape[-1] ** -0.5
        parts = (self._part(layer, page, query.dtype)[0] for page in self._used())
        logits = torch.cat([torch.einsum("bmhd,bnhd->bhmn", scaled, part) for part in parts], -1)
        shares = logits.float().softmax(-1).unflatten(-1, (-1, self.shape.tokens))
        return shares.sum(-1).mean((0, 1, 2))

    def commit(self) -> None:
        """The claimed frames stay."""
        self._claimed.clear()

    def rollback(self) -> None:
        """The claimed frames were never there."""
        for slot in self._claimed:
            self._slots[slot] = None
        self._claimed.clear()
        self._trim()

    def drop(self, frame: int) -> None:
        """Forget a frame; every entry of that id."""
        self._slots = [None if kept == frame else kept for kept in self._slots]
        self._trim()

    def shrink(self, capacity: int) -> None:
        """Never more than so many frames from here on; pages without frames are given back."""
        self.capacity = capacity
        self._close_holes()
        needed = -(-len(self._slots) // self.page_frames)
        del self._pages[needed:]

    def ordered(self, layer: int) -> Part:
        """Keys and values (B, frames, tokens, heads, d) by id, float32, as when computed."""
        filled = [(frame, slot) for slot, frame in enumerate(self._slots) if frame is not None]
        order = torch.tensor([slot for _, slot in sorted(filled)], device=self.device)
        parts = [self._part(layer, page, torch.float32) for page in self._used()]
        keys, values = (
            torch.cat(each, 1).unflatten(1, (-1, self.shape.tokens))[:, order]
            for each in zip(*parts, strict=True)
        )
        return keys, values

    def _used(self) -> list[tuple[Page, int]]:
        """Pages with the number of their filled slots; holes were closed by `claim`."""
        return [
            (page, min(self.page_frames, len(self._slots) - number * self.page_frames))
            for number, page in enumerate(self._pages)
            if len(self._slots) > number * self.page_frames
        ]

    def _part(self, layer: int, used: tuple[Page, int], dtype: torch.dtype) -> Part:
        page, count = used
        entries = page.entries[:, layer, :, :, :count].flatten(3, 4)
        scales = None if page.scales is None else page.scales[:, layer, :, :, :count].flatten(3, 4)
        keys, values = self.shape.storage.unpacked(entries, scales, dtype).transpose(2, 3)
        return keys, values

    def _place(self, slot: int) -> tuple[Page, int]:
        return self._pages[slot // self.page_frames], slot % self.page_frames

    def _make_room(self, slot: int) -> None:
        """A new page, or the last one of twice its size: memory is taken as it is needed, and what
        is copied is little beside what attention reads."""
        number, place = divmod(slot, self.page_frames)
        last = self._pages[number] if number < len(self._pages) else None
        if last is not None and place < last.frames:
            return
        frames = self._first_frames if last is None else 2 * last.frames
        frames = min(frames, self.page_frames)
        if self.capacity is not None:
            frames = min(frames, self.capacity - slot + place)
        page = Page.empty(self.shape, frames, self.device)
        if last is None:
            self._pages.append(page)
            return
        for target, source in zip(page.tensors(), last.tensors(), strict=True):
            target[:, :, :, :, : last.frames] = source
        self._pages[number] = page

    def _close_holes(self) -> None:
        """Move the last frames into holes, so that the slots in use lie side by side."""
        while None in self._slots:
            hole, last = self._slots.index(None), len(self._slots) - 1
            (to, to_place), (source, place) = self._place(hole), self._place(last)
            for target, origin in zip(to.tensors(), source.tensors(), strict=True):
                target[:, :, :, :, to_place] = origin[:, :, :, :, place]
            self._slots[hole] = self._slots.pop()
            self._claimed = [hole if slot == last else slot for slot in self._claimed]
            self._trim()

    def _trim(self) -> None:
        while self._slots and self._slots[-1] is None:
            self._slots.pop()
