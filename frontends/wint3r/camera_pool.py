"""Keys and values of the camera head for every slot that came: what makes it incremental."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import torch
from torch import Tensor

from mapper.errors import ConfigError
from mapper.frontends.layers.attention import attend

FIRST_CAPACITY: Final = 64  # slots; doubled whenever they run out


@dataclass(frozen=True, slots=True)
class PoolOptions:
    """block: slots that see one another, whole blocks see all earlier ones. Published: 4, whatever
    the window; later training code: the window's length.

    limit: slots that are remembered, 0 = all. Beyond it the first block, which holds the camera
    that the world is measured in, and the newest ones stay.
    """

    block: int = 4
    limit: int = 0

    def __post_init__(self) -> None:
        if self.block < 1:
            raise ConfigError(f"blocks of {self.block} camera tokens: at least 1 is needed")
        if self.limit and (self.limit % self.block or self.limit < 2 * self.block):
            raise ConfigError(
                f"a pool of {self.limit} slots: expected 0 (no limit) or a multiple of "
                f"{self.block}, at least {2 * self.block}"
            )


@dataclass(frozen=True, slots=True)
class PoolSizes:
    """sites: attentions of the head, over all refinements. batch: sequences."""

    sites: int
    batch: int
    heads: int
    head_dim: int


@dataclass(frozen=True, slots=True)
class PoolMark:
    """Where a pool stood, to come back to."""

    seen: int
    kept: int
    pending: Tensor | None


class CameraPool:
    """The memory of one stream.

    seen: slots in whole blocks that ever came; their poses are final. pending: (B, n, D) tokens of
    the block that is not whole yet, which come again with the next ones.
    """

    def __init__(self, sizes: PoolSizes, options: PoolOptions, like: Tensor) -> None:
        self.options = options
        self.seen = 0
        self.pending: Tensor | None = None
        self._kept = 0
        self._oldest = 0  # of the ring after the first block, once the limit is reached
        shape = (2, sizes.sites, sizes.batch, FIRST_CAPACITY, sizes.heads, sizes.head_dim)
        self._memory = like.new_empty(shape, requires_grad=False)

    @property
    def kept(self) -> int:
        """Slots whose keys and values are remembered."""
        return self._kept

    @property
    def bytes(self) -> int:
        """Memory taken, capacity ahead of need included."""
        return self._memory.nbytes

    def with_pending(self, tokens: Tensor) -> Tensor:
        """(B, n, D): the tokens, after those that wait for their block to be whole."""
        return tokens if self.pending is None else torch.cat([self.pending, tokens], 1)

    def mixed(self, site: int, query: Tensor, key: Tensor, value: Tensor) -> Tensor:
        """Attention of new tokens (B, n, heads, d) to all so far, themselves included; the pool
        holds nothing that a new token may not see. Returns (B, n, heads * d)."""
        return attend(query, *self.joined(site, key, value))

    def joined(self, site: int, key: Tensor, value: Tensor) -> tuple[Tensor, Tensor]:
        """Write the keys and values (B, n, heads, d) of new tokens; returns all so far."""
        end = self._kept + key.shape[1]
        if end > self._memory.shape[3]:
            self._grow(end)
        new = self._memory[:, site, :, self._kept : end]
        new[0], new[1] = key, value
        keys, values = self._memory[:, site, :, :end]
        return keys, values

    def accept(self, tokens: Tensor) -> None:
        """The tokens just joined stay if they make a whole block, else they wait for the rest."""
        if tokens.shape[1] < self.options.block:
            self.pending = tokens
            return
        self.pending = None
        self._kept += self.options.block
        self.seen += self.options.block

    def mark(self) -> PoolMark:
        """The present state; valid until the next trim."""
        return PoolMark(self.seen, self._kept, self.pending)

    def roll_back(self, mark: PoolMark) -> None:
        """Forget what came after the mark."""
        self.seen, self._kept, self.pending = mark.seen, mark.kept, mark.pending

    def trim(self) -> None:
        """Drop the oldest slots beyond the limit.

        The newest take their places: attention here knows no positions, so order does not matter.
        """
        limit, block = self.options.limit, self.options.block
        if not limit or self._kept <= limit:
            return
        room = limit - block
        extra = min(self._kept - limit, room)
        places = block + (self._oldest + torch.arange(extra, device=self._memory.device)) % room
        newest = self._memory[:, :, :, self._kept - extra : self._kept]
        self._memory[:, :, :, places] = newest.clone()
        self._oldest = (self._oldest + extra) % room
        self._kept = limit

    def _grow(self, slots: int) -> None:
        capacity = max(2 * self._memory.shape[3], slots)
        bigger = self._memory.new_empty(
            (*self._memory.shape[:3], capacity, *self._memory.shape[4:])
        )
        bigger[:, :, :, : self._kept] = self._memory[:, :, :, : self._kept]
        self._memory = bigger
