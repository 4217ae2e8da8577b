"""The decoder block of a window: state, all frames together, each frame alone."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor, nn

from mapper.frontends.layers.attention import CrossAttention, Reading, SelfAttention
from mapper.frontends.layers.block import layer_norm
from mapper.frontends.layers.mlp import Mlp
from mapper.frontends.layers.rope import Rope2D


@dataclass(frozen=True, slots=True)
class WindowRopes:
    """Tables of one head width: of all tokens of a window, of one frame, of the state."""

    window: Rope2D
    frame: Rope2D
    state: Rope2D


class WindowBlock(nn.Module):
    """Cross attention to the state, attention across the window, attention within each frame."""

    def __init__(self, width: int, heads: int, mlp_ratio: float = 4.0) -> None:
        super().__init__()
        self.norm1 = layer_norm(width)
        self.attn = SelfAttention(width, heads)
        self.attn_local = SelfAttention(width, heads)
        self.cross_attn = CrossAttention(width, heads)
        self.norm2 = layer_norm(width)
        self.norm3 = layer_norm(width)
        self.norm4 = layer_norm(width)
        self.norm5 = layer_norm(width)
        self.mlp = Mlp(width, int(width * mlp_ratio))
        self.mlp1 = Mlp(width, int(width * mlp_ratio))
        self.norm_y = layer_norm(width)

    def forward(
        self, tokens: Tensor, state: Tensor, frames: int, ropes: WindowRopes
    ) -> tuple[Tensor, Tensor]:
        """tokens (B, frames * P, C), state (B, S, C).

        Returns the tokens after the block and those before its attention within frames.
        """
        tokens = tokens + self.cross_attn(
            self.norm2(tokens), self.norm_y(state), Reading(ropes.window, ropes.state)
        )
        tokens = tokens + self.attn(self.norm1(tokens), ropes.window)
        across = tokens + self.mlp(self.norm3(tokens))
        each = across.reshape(len(across) * frames, -1, across.shape[-1])
        each = each + self.attn_local(self.norm4(each), ropes.frame)
        each = each + self.mlp1(self.norm5(each))
        return each.reshape(across.shape), across
