"""Tracks of points through frames, refined against a correlation pyramid.

Source: Karaev et al., CoTracker, 2023, in the form that VGGT trained (spec section 7).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn
from torch.nn import functional

from mapper.errors import InputError
from mapper.frontends.layers.mlp import Mlp
from mapper.frontends.vggt.config import TrackConfig, VggtConfig
from mapper.frontends.vggt.dpt import Dpt, DptSizes
from mapper.frontends.vggt.tracks.embeddings import flow_embedding, grid_embedding, sampled
from mapper.frontends.vggt.tracks.transformer import UpdateTransformer

if TYPE_CHECKING:
    from jaxtyping import Float


@dataclass(frozen=True, slots=True, eq=False)
class Tracks:
    """xy: (B, S, N, 2) pixels of the image. visibility, confidence: (B, S, N) in [0, 1].

    iterations: xy after every round, the last included.
    """

    xy: Float[Tensor, "b s n 2"]
    visibility: Float[Tensor, "b s n"]
    confidence: Float[Tensor, "b s n"]
    iterations: list[Float[Tensor, "b s n 2"]]


class TrackHead(nn.Module):
    """Feature maps at half the image's size, and the tracker on them."""

    def __init__(self, config: VggtConfig) -> None:
        super().__init__()
        assert config.track is not None
        self.feature_extractor = Dpt(DptSizes.tracking(config), outputs=0)
        self.tracker = Tracker(config.track)


class Tracker(nn.Module):
    """A few rounds of looking around each point's last place, and moving it."""

    def __init__(self, config: TrackConfig) -> None:
        super().__init__()
        self.config = config
        width = config.features
        window = config.corr_levels * (2 * config.corr_radius + 1) ** 2
        self.flow_width = width // 2  # channels of an axis
        self.token_width = 2 * self.flow_width + 4 + 2 * width
        self.query_ref_token = nn.Parameter(torch.randn(1, 2, self.token_width))
        self.corr_mlp = Mlp(window, config.hidden_size, width)
        self.updateformer = UpdateTransformer(config, self.token_width, width + 2)
        self.fmap_norm = nn.LayerNorm(width)
        self.ffeat_norm = nn.GroupNorm(1, width)
        self.ffeat_updater = nn.Sequential(nn.Linear(width, width), nn.GELU())
        self.vis_predictor = nn.Sequential(nn.Linear(width, 1))
        self.conf_predictor = nn.Sequential(nn.Linear(width, 1))

    def forward(self, features: Tensor, query_points: Tensor) -> Tracks:
        """features (B, S, C, h, w), query_points (B, N, 2) as (x, y) pixels in frame 0."""
        query = query_points.to(features.dtype) / self.config.stride
        maps = self.normed(features)
        pyramid = self.pyramid(maps)
        start = sampled(maps[:, 0], query, "border")  # (B, N, C)
        track = start[:, None].expand(-1, maps.shape[1], -1, -1)
        coords = query[:, None].expand(-1, maps.shape[1], -1, -1)
        iterations = []
        for _ in range(self.config.iters):
            # Gradients stop at the places of the round before, as the network was trained.
            coords = coords.detach()
            tokens = self.tokens(coords, self.correlation(pyramid, track, coords), track)
            update = self.updateformer(tokens.transpose(1, 2)).transpose(1, 2)
            track = track + self._feature_update(update[..., 2:])
            moved = coords + update[..., :2]
            coords = torch.cat([query[:, None], moved[:, 1:]], 1)
            iterations.append(coords * self.config.stride)
        visibility = self.vis_predictor(track).squeeze(-1).sigmoid()
        confidence = self.conf_predictor(track).squeeze(-1).sigmoid()
        return Tracks(iterations[-1], visibility, confidence, iterations)

    def normed(self, features: Tensor) -> Tensor:
        """Each pixel's channels normalised; (B, S, C, h, w)."""
        return self.fmap_norm(features.permute(0, 1, 3, 4, 2)).permute(0, 1, 4, 2, 3)

    def pyramid(self, maps: Tensor) -> list[Tensor]:
        """The maps (B * S, C, h, w) and their halves; InputError where nothing would be left."""
        levels = [maps.flatten(0, 1)]
        for _ in range(self.config.corr_levels - 1):
            if min(levels[-1].shape[-2:]) < 2:
                side = self.config.stride * 2 ** (self.config.corr_levels - 1)
                raise InputError(f"point tracks need images of at least {side} pixels a side")
            levels.append(functional.avg_pool2d(levels[-1], 2))
        return levels

    def correlation(self, pyramid: list[Tensor], track: Tensor, coords: Tensor) -> Tensor:
        """(B, S, N, levels * window): how each point's feature agrees with its surroundings."""
        radius = self.config.corr_radius
        steps = torch.arange(-radius, radius + 1, device=coords.device, dtype=coords.dtype)
        # The first axis of the window moves along x: transposed against image order, as trained.
        window = torch.cartesian_prod(steps, steps)
        places, feature = coords.flatten(0, 1), track.flatten(0, 1)
        found = []
        for level, maps in enumerate(pyramid):
            around = (places / 2**level)[:, :, None] + window
            near = sampled(maps, around.flatten(1, 2), "zeros").unflatten(1, around.shape[1:3])
            found.append(torch.einsum("bnc,bnwc->bnw", feature, near))
        joined = torch.cat(found, -1) / track.shape[-1] ** 0.5
        return joined.unflatten(0, coords.shape[:2])

    def tokens(self, coords: Tensor, correlation: Tensor, track: Tensor) -> Tensor:
        """(B, S, N, token_width): motion so far, surroundings, feature; and where they began."""
        flow = coords - coords[:, :1]
        motion = [flow_embedding(flow, self.flow_width), flow / self.config.max_scale]
        tokens = torch.cat([*motion, motion[1], self.corr_mlp(correlation), track], -1)
        tokens = tokens + grid_embedding(coords[:, :1], self.token_width)
        reference = self.query_ref_token[0]
        index = torch.ones(coords.shape[1], dtype=torch.long, device=coords.device)
        index[0] = 0
        return tokens + reference[index][:, None]

    def _feature_update(self, change: Tensor) -> Tensor:
        return self.ffeat_updater(self.ffeat_norm(change.flatten(0, -2))).view_as(change)
