"""The whole network: aggregator and heads, under the published parameter names."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from mapper.errors import ConfigError
from mapper.frontends.vggt.aggregator import Aggregated, Aggregator
from mapper.frontends.vggt.batch_attention import BatchMixer, FrameMask
from mapper.frontends.vggt.camera_head import CameraHead, CameraMixer
from mapper.frontends.vggt.config import VggtConfig
from mapper.frontends.vggt.dpt import Dpt, DptSizes, confidence_exp, points_inv_log
from mapper.frontends.vggt.tracks.tracker import TrackHead, Tracks

if TYPE_CHECKING:
    from jaxtyping import Float


@dataclass(frozen=True, slots=True)
class Heads:
    """Which dense heads to run; the camera always."""

    depth: bool = True
    points: bool = True


@dataclass(frozen=True, slots=True, eq=False)
class VggtPrediction:
    """What the network says of S frames of B sequences.

    pose_encoding: (B, S, 9) translation, quaternion xyzw of any length, vertical and horizontal
    field of view in radians; of world to camera. pose_iterations: after each refinement.
    depth: (B, S, H, W), along z. points: (B, S, H, W, 3) in the first camera's frame.
    *_confidence: (B, S, H, W), above 1. descriptor: (B, S, C). All in one arbitrary scale.
    tracks: of the query points, where there were any. aggregated: the tokens behind all this.
    """

    pose_encoding: Float[Tensor, "b s 9"]
    pose_iterations: list[Float[Tensor, "b s 9"]]
    descriptor: Float[Tensor, "b s c"]
    aggregated: Aggregated = field(repr=False)
    depth: Float[Tensor, "b s h w"] | None = None
    depth_confidence: Float[Tensor, "b s h w"] | None = None
    points: Float[Tensor, "b s h w 3"] | None = None
    points_confidence: Float[Tensor, "b s h w"] | None = None
    tracks: Tracks | None = None


class Vggt(nn.Module):
    """`model(images, "causal")` for whole sequences; StreamSession for streams."""

    def __init__(self, config: VggtConfig) -> None:
        super().__init__()
        self.config = config
        self.aggregator = Aggregator(config)
        self.camera_head = CameraHead(config)
        self.point_head = Dpt(DptSizes.dense(config), outputs=4)
        self.depth_head = Dpt(DptSizes.dense(config), outputs=2)
        if config.track is not None:
            self.track_head = TrackHead(config)

    @property
    def device(self) -> torch.device:
        """Where the weights are."""
        return self.camera_head.empty_pose_tokens.device

    @property
    def products(self) -> list[nn.Module]:
        """The parts whose products may be computed in half precision: all but the heads."""
        return [self.aggregator]

    @property
    def dense(self) -> list[nn.Module]:
        """The parts of dense heads that may be; see `set_convolutions`."""
        return [*self.depth_head.products, *self.point_head.products]

    def forward(
        self,
        images: Float[Tensor, "b s 3 h w"],
        mode: FrameMask = "causal",
        heads: Heads | None = None,
        query_points: Float[Tensor, "b n 2"] | None = None,
    ) -> VggtPrediction:
        """images (B, S, 3, H, W) in [0, 1]; query_points (B, N, 2) pixels (x, y) of frame 0."""
        mixer = BatchMixer(mode, images.shape[1])
        aggregated = self.aggregator(images, mixer)
        return self.read(aggregated, mixer.of_cameras, heads or Heads(), query_points)

    def channels_last(self) -> Vggt:
        """The convolutions' weights as maps lie in memory, in place: for inference, where some
        would else be rearranged at every call. safetensors does not write such weights."""
        for layer in self.modules():
            if isinstance(layer, nn.Conv2d):
                layer.weight.data = layer.weight.data.contiguous(memory_format=torch.channels_last)
        return self

    def read(
        self,
        aggregated: Aggregated,
        mix: CameraMixer,
        heads: Heads,
        query_points: Tensor | None = None,
    ) -> VggtPrediction:
        """What the heads say; they read the tokens of these frames only."""
        encodings = self.camera_head(aggregated.camera_tokens.float(), mix)
        depth = self.maps(self.depth_head, aggregated) if heads.depth else None
        points = self.maps(self.point_head, aggregated) if heads.points else None
        tracks = None
        if query_points is not None:
            tracks = self.track(self.track_features(aggregated), query_points)
        return VggtPrediction(
            pose_encoding=encodings[-1],
            pose_iterations=encodings,
            descriptor=aggregated.descriptor,
            aggregated=aggregated,
            depth=None if depth is None else depth[..., 0].exp(),
            depth_confidence=None if depth is None else confidence_exp(depth[..., 1]),
            points=None if points is None else points_inv_log(points[..., :3]),
            points_confidence=None if points is None else confidence_exp(points[..., 3]),
            tracks=tracks,
        )

    def track_features(self, aggregated: Aggregated) -> Float[Tensor, "b s c h w"]:
        """(B, S, C, H / 2, W / 2)."""
        if self.config.track is None:
            raise ConfigError("this checkpoint has no track head: STream3R's never do")
        frames = aggregated.camera_tokens.shape[:2]
        taps = self._patch_taps(aggregated)
        return self.track_head.feature_extractor(taps, aggregated.grid).unflatten(0, frames)

    def track(
        self, features: Float[Tensor, "b s c h w"], query_points: Float[Tensor, "b n 2"]
    ) -> Tracks:
        """features (B, S, C, h, w), the first frame's first; query_points (B, N, 2), anywhere."""
        return self.track_head.tracker(features, query_points.to(features.device))

    def maps(self, head: Dpt, aggregated: Aggregated) -> Tensor:
        """(B, S, H, W, channels) of a dense head, of the frames that are aggregated."""
        frames = aggregated.camera_tokens.shape[:2]
        maps = head(self._patch_taps(aggregated), aggregated.grid)
        return maps.permute(0, 2, 3, 1).unflatten(0, frames)

    def _patch_taps(self, aggregated: Aggregated) -> dict[int, Tensor]:
        special = self.config.special_tokens
        return {
            layer: tokens.flatten(0, 1)[:, special:].float()
            for layer, tokens in aggregated.taps.items()
        }
