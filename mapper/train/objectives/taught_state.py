"""Where CUT3R's state keeps the first view's patches, and where later ones find them again, told
while it is trained.

What a small CUT3R knows of earlier views are state tokens without a place in any image, and nothing
in its loss says which of them shows what. Here each state token of its grid is given the patch of
the first view that lies where it lies in the grid; later patches are told which token that is by
true depth and poses. Heads of single attentions are taught; what the network computes, and what it
is made of, stays as it is.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Final

import torch
from torch import Tensor

from mapper.errors import ConfigError
from mapper.train.losses.matching import seen_again
from mapper.train.losses.terms import mean_or_zero

if TYPE_CHECKING:
    from mapper.frontends.cut3r.model import Cut3r
    from mapper.frontends.layers.attention import CrossAttention, Reading
    from mapper.train.batch import TrainingBatch

AGAIN: Final = 2.0  # what seeing the same again weighs beside keeping one's place
MOST_VIEWS: Final = 64  # that are remembered, where nobody asks


class TaughtState:
    """Cross attention between image and state: in block 0 both look at their own place (the state
    in the first view alone, with all its heads, so that it has room for what it sees there), in
    `block` the first heads look at where they see the same again."""

    def __init__(self, model: Cut3r, block: int) -> None:
        """Raises ConfigError where there is no such block, or a state without a grid."""
        config = model.config
        check_block(model, block)
        if config.state_pe != "2d":
            raise ConfigError("matching: needs a state laid out as a grid, state_pe 2d")
        self._patch = config.patch_size
        side = math.isqrt(config.state_size)
        self._columns = side + side % 2
        self._size = config.state_size
        blocks: Any = model.dec_blocks, model.dec_blocks_state
        self._watched = [_Watched(chosen[at].cross_attn) for at in (0, block) for chosen in blocks]

    def __call__(self, batch: TrainingBatch) -> tuple[Tensor, Tensor]:
        """Cost, and share of patches that look right, of the forward pass just done."""
        views = batch.images.shape[1]
        own_image, own_state, again_image, again_state = (
            one.logits(views) for one in self._watched
        )
        again, cells = seen_again(batch, self._patch), self._cells(batch)
        patches = 1 + torch.arange(len(cells), device=cells.device)  # after the pose token
        place = [_costs(logits[:, cells], patches) for logits in own_state[0].unbind(1)]
        place += [_costs(logits[:, 0, 1:], cells) for logits in own_image]
        told, right = [place[0][:0]], [place[0].detach()[:0]]  # of a single view, nothing
        for view in range(1, views):
            reading, read = again.of(view, 0).among(cells), again_image[view][:, 0, 1:]
            writing, written = again.of(0, view).among(patches), again_state[view][:, 0, cells]
            told += [reading.costs(read), writing.costs(written)]
            right.append(reading.right(read))
        cost = torch.cat(place).mean() + AGAIN * mean_or_zero(torch.cat(told))
        return cost, mean_or_zero(torch.cat(right))

    def _cells(self, batch: TrainingBatch) -> Tensor:
        """The state token of each patch of a view, (n,). Raises ConfigError for a grid of patches
        that is larger than the state's."""
        rows, columns = (side // self._patch for side in batch.depth.shape[-2:])
        if columns > self._columns or rows * self._columns > self._size:
            raise ConfigError(
                f"matching: {columns}x{rows} patches do not fit into the grid of {self._size} "
                "state tokens; set network.state_size higher"
            )
        y = torch.arange(rows, device=batch.depth.device)[:, None]
        x = torch.arange(columns, device=batch.depth.device)
        return (y * self._columns + x).flatten()


def check_block(model: Cut3r, block: int) -> None:
    """Raises ConfigError for one that does not follow the first."""
    if not 0 < block < model.config.dec_depth:
        raise ConfigError(f"matching_block {block}: one of 1 to {model.config.dec_depth - 1}")


class _Watched:
    """One cross attention: remembers what it was given, view after view."""

    def __init__(self, attention: CrossAttention) -> None:
        self._attention = attention
        self._given: list[tuple[Tensor, Tensor, Reading]] = []
        attention.register_forward_pre_hook(self._remember)

    def _remember(self, _: object, given: tuple[Tensor, Tensor, Reading]) -> None:
        self._given.append(given)
        del self._given[:-MOST_VIEWS]

    def logits(self, views: int) -> list[Tensor]:
        """In the last views, (B, heads, m, n) each."""
        given, self._given = self._given[-views:], []
        return [self._logits(*each) for each in given]

    def _logits(self, tokens: Tensor, context: Tensor, reading: Reading) -> Tensor:
        heads = self._attention.heads
        query = self._attention.projq(tokens.float()).unflatten(-1, (heads, -1))
        key = self._attention.projk(context.float()).unflatten(-1, (heads, -1))
        query = query if reading.rope is None else reading.rope.rotate(query)
        key = key if reading.context_rope is None else reading.context_rope.rotate(key)
        return query.transpose(1, 2) @ key.permute(0, 2, 3, 1) / query.shape[-1] ** 0.5


def _costs(logits: Tensor, true: Tensor) -> Tensor:
    """Cross-entropies of (B, n, m), of which each of the n should look at its own of (n,)."""
    said = logits.log_softmax(-1).gather(-1, true.expand(len(logits), -1)[..., None])
    return -said.flatten()
