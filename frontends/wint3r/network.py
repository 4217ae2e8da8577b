"""The WinT3R network: per-frame encoder, window decoder with a recurrent state, two heads.

Parameter names are those of the published checkpoints, so that they load strictly.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from mapper.errors import InputError
from mapper.frontends.layers.attention import Reading
from mapper.frontends.layers.block import DecoderBlock, EncoderBlock, layer_norm
from mapper.frontends.layers.encoded import Encoded
from mapper.frontends.layers.linear import Linear
from mapper.frontends.layers.patch_embedding import PatchEmbedding
from mapper.frontends.layers.rope import state_rope
from mapper.frontends.wint3r.blocks import WindowBlock, WindowRopes
from mapper.frontends.wint3r.camera_head import CameraHead
from mapper.frontends.wint3r.config import Wint3rConfig
from mapper.frontends.wint3r.point_head import PATCH_SIZE, PointHead
from mapper.frontends.wint3r.positions import RotaryPrecision, encoder_rope, window_rope

if TYPE_CHECKING:
    from jaxtyping import Float


@dataclass(frozen=True, slots=True, eq=False)
class Decoded:
    """What the decoder made of a window of w frames with P tokens each, the camera token first.

    final: (B, w, P, C), normalised. before_frames: (B, w, P, C), before the last attention within
    frames, not normalised. state: (B, S, C), the state that the next window starts from.
    """

    final: Tensor
    before_frames: Tensor
    state: Tensor

    @property
    def camera_tokens(self) -> Tensor:
        """(B, w, 2C), what the camera head is shown."""
        return torch.cat([self.final[:, :, 0], self.before_frames[:, :, 0]], -1).float()


class Wint3r(nn.Module):
    """The parameters, and the stages of one window: encode, embed, decode, points."""

    def __init__(self, config: Wint3rConfig) -> None:
        super().__init__()
        self.config = config
        width, feature_width = config.dec_embed_dim, config.enc_embed_dim
        self.cam_token = nn.Parameter(torch.zeros(1, 1, width))
        self.patch_embed = PatchEmbedding(3, feature_width, PATCH_SIZE)
        self.enc_blocks = nn.ModuleList(
            EncoderBlock(feature_width, config.enc_num_heads, config.mlp_ratio)
            for _ in range(config.enc_depth)
        )
        self.enc_norm = layer_norm(feature_width)
        self.decoder_embed = Linear(feature_width, width)
        self.dec_blocks = nn.ModuleList(
            WindowBlock(width, config.dec_num_heads, config.mlp_ratio)
            for _ in range(config.dec_depth)
        )
        self.dec_norm = layer_norm(width)
        self.register_tokens = nn.Embedding(config.state_size, feature_width)
        self.cam_head = CameraHead(config.camera_head, 2 * width)
        self.decoder_embed_state = Linear(feature_width, width)
        # 16 heads where the image decoder has 12: as published, the width of a head is 48 here.
        self.dec_blocks_state = nn.ModuleList(
            DecoderBlock(width, config.state_dec_num_heads, config.mlp_ratio)
            for _ in range(config.dec_depth)
        )
        self.dec_norm_state = layer_norm(width)
        self.pts_head = PointHead(config.pts_head, width)

    @property
    def device(self) -> torch.device:
        """Where the weights are."""
        return self.cam_token.device

    @property
    def products(self) -> list[nn.Module]:
        """The parts whose products may be computed in half precision: all but patches and heads."""
        embed = nn.ModuleList([self.decoder_embed])
        return [self.enc_blocks, embed, self.dec_blocks, self.dec_blocks_state]

    @property
    def dense(self) -> list[nn.Module]:
        """The parts of the point head that may be."""
        return self.pts_head.products

    def encode(self, images: Float[Tensor, "m 3 h w"], precision: RotaryPrecision) -> Encoded:
        """Features of images (M, 3, H, W), each by itself; both sides multiples of 16."""
        height, width = images.shape[-2:]
        if height % PATCH_SIZE or width % PATCH_SIZE:
            raise InputError(
                f"image of {width}x{height}: both sides must be multiples of {PATCH_SIZE}"
            )
        grid = (height // PATCH_SIZE, width // PATCH_SIZE)
        head_dim = self.config.enc_embed_dim // self.config.enc_num_heads
        rope = encoder_rope(grid, head_dim, self.device, precision)
        tokens = self.patch_embed(images)
        for block in self.enc_blocks:
            tokens = block(tokens, rope)
        return Encoded(self.enc_norm(tokens), grid)

    def embed(self, encoded: Encoded) -> Float[Tensor, "m p c"]:
        """Decoder tokens (M, P, C) of each image, the camera token first."""
        patches = self.decoder_embed(encoded.features)
        camera = self.cam_token.expand(len(patches), -1, -1)
        return torch.cat([camera, patches.to(camera.dtype)], 1)

    def initial_state(self, batch: int) -> Float[Tensor, "b s c"]:
        """(batch, S, C) before the first window; it does not depend on the images."""
        return self.decoder_embed_state(self.register_tokens.weight).expand(batch, -1, -1)

    def decode(
        self, tokens: Float[Tensor, "b w p c"], state: Float[Tensor, "b s c"], grid: tuple[int, int]
    ) -> Decoded:
        """tokens (B, w, P, C) of a window, state (B, S, C) left by the window before.

        Image and state branch side by side, each reading the other's previous layer.
        """
        frames = tokens.shape[1]
        image_ropes = self._ropes(grid, frames, self.config.dec_num_heads)
        state_ropes = self._ropes(grid, frames, self.config.state_dec_num_heads)
        reading = Reading(state_ropes.state, state_ropes.window)
        image = before_frames = tokens.flatten(1, 2)
        for image_block, state_block in zip(self.dec_blocks, self.dec_blocks_state, strict=True):
            (image, before_frames), state = (
                image_block(image, state, frames, image_ropes),
                state_block(state, image, reading),
            )
        shape = tokens.shape
        return Decoded(
            self.dec_norm(image).reshape(shape),
            before_frames.reshape(shape),
            self.dec_norm_state(state),
        )

    def points(
        self, decoded: Decoded, grid: tuple[int, int]
    ) -> tuple[Float[Tensor, "b w h width 3"], Float[Tensor, "b w h width"]]:
        """Points (B, w, H, W, 3) in each camera's frame and confidence (B, w, H, W), above 1."""
        batch, frames = decoded.final.shape[:2]
        patches = (
            each[:, :, 1:].flatten(0, 1).float() for each in (decoded.before_frames, decoded.final)
        )
        points, confidence = self.pts_head(*patches, grid)
        return points.unflatten(0, (batch, frames)), confidence.unflatten(0, (batch, frames))

    def _ropes(self, grid: tuple[int, int], frames: int, heads: int) -> WindowRopes:
        head_dim = self.config.dec_embed_dim // heads
        config = self.config
        state = state_rope(config.state_size, config.state_pe, head_dim, self.device)
        assert state is not None
        return WindowRopes(
            window=window_rope(grid, frames, head_dim, self.device),
            frame=window_rope(grid, 1, head_dim, self.device),
            state=state,
        )
