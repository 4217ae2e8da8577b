"""The CUT3R network: per-frame encoders, dual decoder with a recurrent state, pose memory, heads.

Parameter names are those of the published checkpoints, so that they load strictly.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from mapper.errors import InputError
from mapper.frontends.cut3r.activations import confidence_exp, points_exp, pose_exp, rgb_sigmoid
from mapper.frontends.cut3r.config import Cut3rConfig
from mapper.frontends.cut3r.heads import HeadInput, build_heads
from mapper.frontends.cut3r.pose_memory import PoseMemory
from mapper.frontends.cut3r.state import Cut3rPrediction, Cut3rState, StreamInput
from mapper.frontends.cut3r.stepping import Rollout, StepOptions
from mapper.frontends.layers.attention import LogitObserver, Reading
from mapper.frontends.layers.block import DecoderBlock, EncoderBlock, layer_norm
from mapper.frontends.layers.encoded import Encoded
from mapper.frontends.layers.linear import Linear
from mapper.frontends.layers.patch_embedding import PatchEmbedding
from mapper.frontends.layers.rope import Rope2D, grid_rope, state_rope

RAY_CHANNELS = 6
RAY_HEADS = 16  # fixed in the published network, whatever the width
# The recorded runs rotate queries and keys of the image encoder, and of nothing else, in half
# precision: float32 here is off by 1e-3. (The written description says float32 everywhere.)
IMAGE_ROPE_DTYPE = torch.float16


@dataclass(frozen=True, slots=True, eq=False)
class Decoded:
    """tokens_in: (B, 1 + n, C) before the first image block. layers: (B, 1 + n, C) after every one,
    the last normalised; the pose token comes first. candidate: (B, S, C), the proposed state."""

    tokens_in: Tensor
    layers: tuple[Tensor, ...]
    candidate: Tensor

    @property
    def pose_token_in(self) -> Tensor:
        """(B, 1, C)."""
        return self.tokens_in[:, :1]

    @property
    def image_tokens_in(self) -> Tensor:
        """(B, n, C)."""
        return self.tokens_in[:, 1:]

    @property
    def pose_token_out(self) -> Tensor:
        """(B, 1, C)."""
        return self.layers[-1][:, :1]


class Cut3rNetwork(nn.Module):
    """The parameters, and the stages of one frame: encode, decode, predict, write to memory."""

    def __init__(self, config: Cut3rConfig) -> None:
        super().__init__()
        self.config = config
        width, feature_width = config.dec_embed_dim, config.enc_embed_dim

        def decoder(heads: int) -> nn.ModuleList:
            blocks = (DecoderBlock(width, heads, config.mlp_ratio) for _ in range(config.dec_depth))
            return nn.ModuleList(blocks)

        def encoder(depth: int, heads: int, mlp_ratio: float) -> nn.ModuleList:
            return nn.ModuleList(
                EncoderBlock(feature_width, heads, mlp_ratio) for _ in range(depth)
            )

        self.pose_token = nn.Parameter(torch.zeros(1, 1, width))
        self.masked_img_token = nn.Parameter(torch.zeros(1, feature_width))
        self.masked_ray_map_token = nn.Parameter(torch.zeros(1, feature_width))
        self.patch_embed = PatchEmbedding(3, feature_width, config.patch_size)
        self.patch_embed_ray_map = PatchEmbedding(RAY_CHANNELS, feature_width, config.patch_size)
        self.enc_blocks = encoder(config.enc_depth, config.enc_num_heads, config.mlp_ratio)
        self.enc_norm = layer_norm(feature_width)
        self.decoder_embed = Linear(feature_width, width)
        self.dec_blocks = decoder(config.dec_num_heads)
        self.dec_norm = layer_norm(width)
        self.enc_blocks_ray_map = encoder(config.ray_enc_depth, RAY_HEADS, 4.0)
        self.enc_norm_ray_map = layer_norm(feature_width)
        self.pose_retriever = PoseMemory(
            config.local_mem_size, feature_width, width, config.dec_num_heads
        )
        self.register_tokens = nn.Embedding(config.state_size, feature_width)
        self.decoder_embed_state = nn.Linear(feature_width, width)
        # 16 heads where the image decoder has 12: as published, the width of a head is 48 here.
        self.dec_blocks_state = decoder(config.state_dec_num_heads)
        self.dec_norm_state = layer_norm(width)
        self.downstream_head = build_heads(config)

    @property
    def device(self) -> torch.device:
        """Where the weights are."""
        return self.pose_token.device

    @property
    def products(self) -> list[nn.Module]:
        """The parts whose products may be computed in half precision: all but patches and heads."""
        memory = self.pose_retriever
        return [
            self.enc_blocks,
            self.enc_blocks_ray_map,
            nn.ModuleList([self.decoder_embed]),
            self.dec_blocks,
            self.dec_blocks_state,
            memory.read_blocks,
            memory.write_blocks,
        ]

    @property
    def dense(self) -> list[nn.Module]:
        """The parts of dense heads that may be."""
        return self.downstream_head.dense

    def encode(self, view: StreamInput, rollout: Rollout) -> Encoded:
        """Features of one frame of every sequence; knows nothing of the past."""
        height, width = view.size
        patch = self.config.patch_size
        if height % patch or width % patch:
            raise InputError(f"image of {width}x{height}: both sides must be multiples of {patch}")
        grid = (height // patch, width // patch)
        image, rays = view.has_image, view.has_rays
        if not rollout.masked_tokens and not bool((image | rays).all()):
            raise InputError("a frame has neither an image nor a ray map")
        parts = []
        if bool(image.any()) or rollout.masked_tokens:
            fill = self.masked_img_token if rollout.masked_tokens else None
            parts.append(self._rows(view.image, image, fill, grid, self._encode_image))
        if bool(rays.any()) or rollout.masked_rays:
            fill = self.masked_ray_map_token if rollout.masked_rays else None
            parts.append(self._rows(view.ray_map, rays, fill, grid, self._encode_rays))
        return Encoded(sum(parts[1:], start=parts[0]), grid)

    def decode(
        self, encoded: Encoded, state: Cut3rState, observer: LogitObserver | None = None
    ) -> Decoded:
        """Image and state branch side by side, each reading the other's previous layer."""
        pose_token = self._pose_token(encoded, state)
        tokens_in = torch.cat([pose_token, self.decoder_embed(encoded.features)], 1)
        image, tokens = tokens_in, state.tokens
        of_image = Reading(*self._ropes(encoded.grid, self.config.dec_num_heads))
        state_ropes = self._ropes(encoded.grid, self.config.state_dec_num_heads)[::-1]
        of_state = Reading(*state_ropes, observer)
        layers = []
        for image_block, state_block in zip(self.dec_blocks, self.dec_blocks_state, strict=True):
            image, tokens = (
                image_block(image, tokens, of_image),
                state_block(tokens, image, of_state),
            )
            layers.append(image)
        layers[-1] = self.dec_norm(image)
        return Decoded(tokens_in, tuple(layers), self.dec_norm_state(tokens))

    def predict(self, encoded: Encoded, decoded: Decoded, options: StepOptions) -> Cut3rPrediction:
        """The heads that `options` asks for; the self view and the pose always."""
        heads, floor_ceiling = self.downstream_head, self.config.conf_mode[1:]
        inputs = self.head_input(encoded, decoded)
        raw = heads.self_view(inputs)
        pose = pose_exp(heads.pose(inputs))
        world = heads.cross_view(inputs) if options.world else None
        rgb = rgb_sigmoid(heads.rgb(inputs)) if options.rgb else None
        return Cut3rPrediction(
            pointmap=points_exp(raw[..., :3]),
            confidence=confidence_exp(raw[..., 3], *floor_ceiling),
            pose=pose,
            descriptor=encoded.global_feature[:, 0],
            pointmap_world=None if world is None else points_exp(world[..., :3]),
            confidence_world=None
            if world is None
            else confidence_exp(world[..., 3], *floor_ceiling),
            rgb=rgb,
        )

    def head_input(self, encoded: Encoded, decoded: Decoded) -> HeadInput:
        """Encoder tokens, the layers at one half and three quarters of the decoder, the last."""
        depth, head_dim = (
            self.config.dec_depth,
            self.config.dec_embed_dim // self.config.dec_num_heads,
        )
        hidden = (None, *decoded.layers)
        middle, late = hidden[depth * 2 // 4], hidden[depth * 3 // 4]
        assert middle is not None and late is not None
        last = decoded.layers[-1].float()
        return HeadInput(
            levels=(encoded.features.float(), middle[:, 1:].float(), late[:, 1:].float()),
            tokens=last[:, 1:],
            pose_token=last[:, 0],
            grid=encoded.grid,
            rope=grid_rope(*encoded.grid, head_dim, False, self.device),
        )

    def written_memory(self, encoded: Encoded, decoded: Decoded, state: Cut3rState) -> Tensor:
        """Candidate pose memory (B, M, 2C) after this frame."""
        return self.pose_retriever.written(
            state.memory, encoded.global_feature, decoded.pose_token_out
        )

    def initial(self, batch: int) -> tuple[Tensor, Tensor]:
        """State tokens (batch, S, C) and pose memory (batch, M, 2C) before the first frame."""
        tokens = self.decoder_embed_state(self.register_tokens.weight)
        return tokens.expand(batch, -1, -1), self.pose_retriever.initial(batch)

    def _rows(
        self,
        maps: Tensor | None,
        mask: Tensor,
        fill: Tensor | None,
        grid: tuple[int, int],
        encoder: Callable[[Tensor], Tensor],
    ) -> Tensor:
        """(B, n, C_enc): encoded where `mask` is set, elsewhere `fill` or zero.

        Only the rows that are set are read: the others may be full of NaN.
        """
        if bool(mask.all()) and maps is not None:
            return encoder(maps)
        size = (len(mask), grid[0] * grid[1], self.config.enc_embed_dim)
        rows = self.masked_img_token.new_zeros(size) if fill is None else fill.expand(size)
        if not bool(mask.any()) or maps is None:
            return rows
        chosen = mask.to(maps.device)
        return rows.clone().index_put((chosen,), encoder(maps[chosen]).to(rows.dtype))

    def _encode_image(self, image: Tensor) -> Tensor:
        rope = self._encoder_rope(image.shape[-2:], self.config.enc_num_heads, IMAGE_ROPE_DTYPE)
        tokens = self.patch_embed(image)
        for block in self.enc_blocks:
            tokens = block(tokens, rope)
        return self.enc_norm(tokens)

    def _encode_rays(self, ray_map: Tensor) -> Tensor:
        """ray_map (B, H, W, 6)."""
        rope = self._encoder_rope(ray_map.shape[1:3], RAY_HEADS, torch.float32)
        tokens = self.patch_embed_ray_map(ray_map.permute(0, 3, 1, 2))
        for block in self.enc_blocks_ray_map:
            tokens = block(tokens, rope)
        return self.enc_norm_ray_map(tokens)

    def _encoder_rope(self, size: tuple[int, ...], heads: int, dtype: torch.dtype) -> Rope2D:
        patch, head_dim = self.config.patch_size, self.config.enc_embed_dim // heads
        grid = (size[0] // patch, size[1] // patch)
        return grid_rope(*grid, head_dim, False, self.device, dtype)

    def _ropes(self, grid: tuple[int, int], heads: int) -> tuple[Rope2D, Rope2D | None]:
        """Tables of the image side (pose token first) and of the state, for one head width."""
        head_dim = self.config.dec_embed_dim // heads
        state = state_rope(self.config.state_size, self.config.state_pe, head_dim, self.device)
        return grid_rope(*grid, head_dim, True, self.device), state

    def _pose_token(self, encoded: Encoded, state: Cut3rState) -> Tensor:
        """(B, 1, C): learned at the start of a sequence, else read from the memory."""
        learned = self.pose_token.expand(len(state.tokens), -1, -1)
        if bool(state.learned_pose.all()):
            return learned
        read = self.pose_retriever.read(state.memory, encoded.global_feature)
        if not bool(state.learned_pose.any()):
            return read
        return torch.where(state.learned_pose.to(read.device)[:, None, None], learned, read)
