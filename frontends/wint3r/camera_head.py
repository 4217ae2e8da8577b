"""The camera head: all camera tokens so far refine one another's poses, four times over."""

from __future__ import annotations

from typing import Final, Protocol

import torch
from torch import Tensor, nn
from torch.nn import functional

from mapper.frontends.graphs import Mixer
from mapper.frontends.layers.attention import SelfAttention, attend
from mapper.frontends.layers.mlp import Mlp
from mapper.frontends.wint3r.camera_pool import CameraPool, PoolOptions, PoolSizes
from mapper.frontends.wint3r.config import CameraHeadConfig

POSE_CHANNELS: Final = 7
NORM_EPS: Final = 1e-5  # of this head only; its norm without parameters has the usual 1e-6
PLAIN_NORM_EPS: Final = 1e-6
MLP_RATIO: Final = 4
INITIAL_GAIN: Final = 0.01


class Keys(Protocol):
    """What a token may look at."""

    @property
    def mixed(self) -> Mixer:
        """site, query, key, value (B, m, heads, d): the number of the attention, and those of new
        tokens; returns the mixed values (B, m, heads * d)."""
        ...


class WholePool:
    """All tokens at once under the block-causal mask; nothing is remembered."""

    def __init__(self, tokens: int, block: int, device: torch.device) -> None:
        self._mask = block_causal_mask(tokens, block, device)

    def mixed(self, site: int, query: Tensor, key: Tensor, value: Tensor) -> Tensor:
        """Among themselves: the pool is whole in every call."""
        return attend(query, key, value, self._mask)


def block_causal_mask(tokens: int, block: int, device: torch.device | None = None) -> Tensor:
    """bool (tokens, tokens): a token looks at its own block and at all earlier ones."""
    number = torch.arange(tokens, device=device) // block
    return number[:, None] >= number


class Gain(nn.Module):
    """A learned factor a channel (layer scale)."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.gamma = nn.Parameter(torch.full((width,), INITIAL_GAIN))

    def forward(self, tokens: Tensor) -> Tensor:
        """(..., width) to the same."""
        return self.gamma * tokens


class PoolAttention(SelfAttention):
    """Attention of new tokens to themselves and to what `keys` remembers; no positions."""

    def forward(self, tokens: Tensor, keys: Keys, site: int) -> Tensor:  # type: ignore[override]
        """(B, n, width) to the same."""
        query, key, value = self.qkv(tokens).unflatten(-1, (3, self.heads, -1)).unbind(2)
        return self.proj(keys.mixed(site, query, key, value))


class TrunkBlock(nn.Module):
    """Attention over the pool and perceptron, each with a learned gain."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.norm1 = nn.LayerNorm(width, NORM_EPS)
        self.attn = PoolAttention(width, heads)
        self.ls1 = Gain(width)
        self.norm2 = nn.LayerNorm(width, NORM_EPS)
        self.mlp = Mlp(width, MLP_RATIO * width)
        self.ls2 = Gain(width)

    def forward(self, tokens: Tensor, keys: Keys, site: int) -> Tensor:
        """(B, n, width) to the same."""
        tokens = tokens + self.ls1(self.attn(self.norm1(tokens), keys, site))
        return tokens + self.ls2(self.mlp(self.norm2(tokens)))


class CameraHead(nn.Module):
    """Camera tokens (B, n, D) to raw poses (iterations, B, n, 7). (Section 5 of the description.)

    Every refinement starts from the tokens again; what it is told is the pose of the one before.
    """

    def __init__(self, config: CameraHeadConfig, width: int) -> None:
        super().__init__()
        self.config = config
        self.width = width
        self.empty_pose_tokens = nn.Parameter(torch.zeros(1, 1, POSE_CHANNELS))
        self.trunk = nn.ModuleList(TrunkBlock(width, config.num_heads) for _ in range(config.depth))
        self.token_norm = nn.LayerNorm(width, NORM_EPS)
        self.trunk_norm = nn.LayerNorm(width, NORM_EPS)
        self.embed_pose = nn.Linear(POSE_CHANNELS, width)
        self.poseLN_modulation = nn.Sequential(nn.SiLU(), nn.Linear(width, 3 * width))
        self.pose_branch = Mlp(width, width // 2, POSE_CHANNELS)

    def forward(self, tokens: Tensor, block: int) -> Tensor:
        """Of a whole pool at once; block: slots that see one another."""
        return self.refined(tokens, WholePool(tokens.shape[1], block, tokens.device))

    def new_pool(self, batch: int, options: PoolOptions) -> CameraPool:
        """An empty memory for `extend`."""
        heads = self.config.num_heads
        sizes = PoolSizes(
            sites=self.config.iterations * self.config.depth,
            batch=batch,
            heads=heads,
            head_dim=self.width // heads,
        )
        return CameraPool(sizes, options, self.empty_pose_tokens)

    def extend(self, tokens: Tensor, pool: CameraPool) -> Tensor:
        """Poses of the newest slots, those of `tokens` being the last of them.

        Equal to `forward` over all tokens that ever came, less the slots before the block that the
        first new one belongs to: later tokens do not change those. Work is linear in the pool.
        """
        poses = []
        for block in pool.with_pending(tokens).split(pool.options.block, 1):
            poses.append(self.refined(block, pool))
            pool.accept(block)
        return torch.cat(poses, 2)

    def refined(self, tokens: Tensor, keys: Keys) -> Tensor:
        """Poses of new tokens, which `keys` is shown."""
        start = self.token_norm(tokens)
        plain = functional.layer_norm(start, start.shape[-1:], eps=PLAIN_NORM_EPS)
        poses: list[Tensor] = []
        for iteration in range(self.config.iterations):
            before = poses[-1].detach() if poses else self.empty_pose_tokens
            modulation = self.poseLN_modulation(self.embed_pose(before))
            shift, scale, gate = modulation.chunk(3, -1)
            x = start + gate * (plain * (1 + scale) + shift)
            for number, block in enumerate(self.trunk):
                x = block(x, keys, iteration * len(self.trunk) + number)
            change = self.pose_branch(self.trunk_norm(x))
            # Gradients stop at the pose before: each refinement learns its own change alone.
            poses.append(before + change if poses else change)
        return torch.stack(poses)
