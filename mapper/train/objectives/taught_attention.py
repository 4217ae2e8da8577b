"""Which earlier patches one head of one attention should look at, told it while it is trained."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from torch import Tensor

from mapper.errors import ConfigError
from mapper.frontends.vggt.block import rotated
from mapper.train.losses.matching import matching_term, seen_again

if TYPE_CHECKING:
    from mapper.frontends.vggt.network import Vggt
    from mapper.train.batch import TrainingBatch


class TaughtAttention:
    """The first head of a global block; what the network computes stays as it is."""

    def __init__(self, model: Vggt, block: int) -> None:
        """Raises ConfigError where there is no such block."""
        blocks = model.aggregator.global_blocks
        if block >= len(blocks):
            raise ConfigError(f"matching_block {block}: the network has {len(blocks)}, from 0 on")
        attention: Any = blocks[block].attn
        self._attention = attention
        self._config = model.config
        self._given: tuple[Any, ...] = ()
        attention.register_forward_pre_hook(self._remember)

    def _remember(self, _: object, given: tuple[Any, ...]) -> None:
        self._given = given

    def __call__(self, batch: TrainingBatch) -> tuple[Tensor, Tensor]:
        """Cost, and share of patches that look right, of the forward pass just done."""
        tokens, rope, _ = self._given
        self._given = ()
        query, key, _ = self._attention.projected(tokens)
        views, special = batch.images.shape[1], self._config.special_tokens
        query, key = (
            rotated(part, rope)[:, :, 0].unflatten(1, (views, -1))[:, :, special:]
            for part in (query, key)
        )
        return matching_term(query, key, seen_again(batch, self._config.patch_size))
