"""Keys and values of single tokens, which layers may keep or forget each for itself."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

import torch
from torch import Tensor

from mapper.frontends.vggt.cache.kernels import attend_parts, choose
from mapper.frontends.vggt.cache.pages import CacheShape, Page

FIRST_ROOM: Final = 4  # frames, from which the memory doubles until it is all that may be taken


class TokenCache:
    """As many tokens in every layer, though not the same ones; the newest come last.

    `claim` room for a frame, `store` each layer, then `commit`. Positions know no time, so the
    order is of no account to attention.
    """

    def __init__(self, shape: CacheShape, device: torch.device, capacity: int) -> None:
        """capacity: tokens of a layer at most, those that are being computed included."""
        self.shape, self.device, self.capacity = shape, device, capacity
        self._single = replace(shape, tokens=1)
        self._page: Page | None = None
        self.count = 0  # of tokens that stay
        self._claimed = 0  # of those that are being computed

    @property
    def allocated_bytes(self) -> int:
        """What the memory takes, filled or not."""
        return sum(t.numel() * t.element_size() for t in self._tensors())

    @property
    def used_bytes(self) -> int:
        """What the tokens in it take up."""
        return (self.count + self._claimed) * self._single.bytes_per_frame

    def claim(self, tokens: int) -> None:
        """Room for so many more; until `commit`, `rollback` takes it back."""
        needed = self.count + tokens
        assert needed <= self.capacity, "room must be made first"
        room = 0 if self._page is None else self._page.frames
        if needed > room:
            larger = max(needed, 2 * room, FIRST_ROOM * self.shape.tokens)
            self._grow(min(larger, self.capacity))
        self._claimed = tokens

    def store(self, layer: int, key: Tensor, value: Tensor) -> None:
        """Keys and values (B, tokens, heads, d) of the claimed tokens."""
        assert self._page is not None
        place = slice(self.count, self.count + self._claimed)
        vectors = torch.stack([key, value]).transpose(2, 3)[..., None, :]
        entries, scale = self.shape.storage.packed(vectors)
        self._page.entries[:, layer, :, :, place] = entries
        if self._page.scales is not None and scale is not None:
            self._page.scales[:, layer, :, :, place] = scale

    def attend(self, layer: int, query: Tensor) -> Tensor:
        """Mixes the values of all tokens, the claimed ones too; (B, m, heads, d) to (B, m, C), in
        the query's type or in float32."""
        storage = self.shape.storage
        rounds = not storage.scaled and choose(query.device, storage.dtype) is not None
        dtype = storage.dtype if rounds else query.dtype
        keys, values = self._read(slice(0, 2), layer, self.count + self._claimed, dtype)
        mixed = attend_parts(query.to(dtype), [(keys, values)])
        return mixed if mixed.dtype == torch.float32 else mixed.to(query.dtype)

    def keys(self, layer: int) -> Tensor:
        """(B, count, heads * d), float32, of the tokens that stay."""
        (keys,) = self._read(slice(0, 1), layer, self.count, torch.float32)
        return keys.flatten(2)

    def commit(self) -> None:
        """The claimed tokens stay."""
        self.count, self._claimed = self.count + self._claimed, 0

    def rollback(self) -> None:
        """The claimed tokens were never there."""
        self._claimed = 0

    def keep(self, layer: int, places: Tensor) -> None:
        """Of a layer only these, (B, n) ascending; for all layers, then `kept`."""
        for tensor in self._tensors():
            part = tensor[:, layer, :, :, : self.count]
            index = places[None, :, None, :, None, None].expand(
                2, -1, part.shape[2], -1, 1, part.shape[-1]
            )
            tensor[:, layer, :, :, : places.shape[1]] = part.gather(3, index)

    def kept(self, count: int) -> None:
        """So many are left in every layer."""
        self.count = count

    def shrink(self, capacity: int) -> None:
        """Never more than so many from here on; what lies beyond is given back."""
        assert self.count <= capacity
        self.capacity = capacity
        if self._page is not None and self._page.frames > capacity:
            self._grow(capacity)

    def _tensors(self) -> list[Tensor]:
        return [] if self._page is None else self._page.tensors()

    def _grow(self, tokens: int) -> None:
        page = Page.empty(self._single, tokens, self.device)
        for target, source in zip(page.tensors(), self._tensors(), strict=False):
            target[:, :, :, :, : self.count] = source[:, :, :, :, : self.count]
        self._page = page

    def _read(self, kinds: slice, layer: int, count: int, dtype: torch.dtype) -> Tensor:
        """(kinds, B, count, heads, d)."""
        assert self._page is not None
        entries, scales = self._page.entries, self._page.scales
        part = entries[kinds, layer, :, :, :count, 0]
        scale = None if scales is None else scales[kinds, layer, :, :, :count, 0]
        return self.shape.storage.unpacked(part, scale, dtype).transpose(2, 3)
