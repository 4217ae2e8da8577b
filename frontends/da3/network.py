"""The whole networks, under the published parameter names."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import torch
from torch import Tensor, nn

from mapper.errors import ConfigError
from mapper.frontends.da3.backbone import Backbone, OwnTokens, Tapped
from mapper.frontends.da3.cameras import CameraDecoder, CameraEncoder
from mapper.frontends.da3.config import Da3Config
from mapper.frontends.da3.heads import DualHead, SkyHead
from mapper.frontends.da3.reference_view import Choice, reference_view
from mapper.frontends.vggt.dpt import confidence_exp

if TYPE_CHECKING:
    from jaxtyping import Float, Int

SKY: Final = 0.3  # from which a pixel's sky logit makes it sky
SKY_QUANTILE: Final = 0.99  # of the other depths, which the sky gets
FEWEST_PIXELS: Final = 10  # of sky and of the rest, beyond which the sky gets a depth
SAMPLE: Final = 100_000  # pixels of which the quantile is taken


@dataclass(frozen=True, slots=True, eq=False)
class Da3Prediction:
    """What a network says of S views of B sequences, or of the W wanted ones where it says so.

    depth: (B, W, H, W'), along z. confidence: above 1. pose_encoding: (B, S, 9), see cameras.
    reference: (B,), the view whose camera is nearly the world. rays: (B, W, 8 h, 8 w, 6), direction
    and origin; ray_confidence. All in one arbitrary scale a sequence. tapped: the tokens behind.
    """

    depth: Float[Tensor, "b w H W"]
    confidence: Float[Tensor, "b w H W"]
    pose_encoding: Float[Tensor, "b s 9"]
    reference: Int[Tensor, " b"]
    tapped: Tapped
    rays: Float[Tensor, "b w h8 w8 6"] | None = None
    ray_confidence: Float[Tensor, "b w h8 w8"] | None = None


@dataclass(frozen=True, slots=True)
class Asked:
    """choice: of the reference view. wanted: views, the last ones, of which maps are computed; None
    = all, 0 = cameras alone are of no use here. rays: whether they are."""

    choice: Choice = "saddle_balanced"
    wanted: int | None = None
    rays: bool = False


class _Named(nn.Module):
    """A backbone under the name that checkpoints give it."""

    def __init__(self, config: Da3Config) -> None:
        super().__init__()
        self.pretrained = Backbone(config)


class Da3(nn.Module):
    """`model(images)` for views that see one another; `own` and `joint` for keyframe loops."""

    def __init__(self, config: Da3Config) -> None:
        super().__init__()
        if not config.sees_views:
            raise ConfigError(
                "these weights see each view alone: the frontend needs small .. giant"
            )
        self.config = config
        self.backbone = _Named(config)
        self.head = DualHead(config)
        self.cam_dec = CameraDecoder(config.head_width)
        self.cam_enc = CameraEncoder(config)

    @property
    def device(self) -> torch.device:
        """Where the weights are."""
        return self.backbone.pretrained.cls_token.device

    @property
    def products(self) -> list[nn.Module]:
        """The parts whose products may be computed in half precision: all but the heads."""
        return [self.backbone]

    @property
    def dense(self) -> list[nn.Module]:
        """The parts of the dense head that may be."""
        return self.head.products

    def forward(
        self,
        images: Float[Tensor, "b s 3 h w"],
        asked: Asked | None = None,
        cameras: Float[Tensor, "b s 9"] | None = None,
    ) -> Da3Prediction:
        """images (B, S, 3, H, W), normalised. cameras: known ones, encoded, see `encoding_of` and
        `normalised_poses`; the first view is the reference then."""
        own = self.own(images.flatten(0, 1))
        return self.joint(own, images.shape[:2], asked or Asked(), cameras)

    def own(self, images: Float[Tensor, "n 3 h w"]) -> OwnTokens:
        """What does not depend on other views: to be kept as long as a view is seen again."""
        return self.backbone.pretrained.own(images)

    def joint(
        self,
        own: OwnTokens,
        frames: tuple[int, ...],
        asked: Asked,
        cameras: Float[Tensor, "b s 9"] | None = None,
    ) -> Da3Prediction:
        """The rest. frames: (B, S), whose product is the number of views in `own`."""
        batch, views = frames
        backbone = self.backbone.pretrained
        tokens = own.tokens.unflatten(0, (batch, views))
        first: Tensor | None
        if cameras is not None:
            reference = torch.zeros(batch, dtype=torch.long, device=cameras.device)
            first = self.cam_enc(cameras)
        else:
            reference = reference_view(own.class_tokens.unflatten(0, (batch, views)), asked.choice)
            tokens, first = self._begun(own, tokens, reference)
        tapped = backbone.joint(tokens, first, own.grid, asked.wanted)
        wanted = views if asked.wanted is None else asked.wanted
        return self._read(tapped, reference, (batch, wanted), asked.rays)

    def _begun(
        self, own: OwnTokens, tokens: Tensor, reference: Tensor
    ) -> tuple[Tensor, Tensor | None]:
        """Tokens (B, S, P, C), and what stands first in each view (B, S, C); None where that
        is in them: of all views but the reference a further layer is known."""
        backbone, batch = self.backbone.pretrained, len(tokens)
        if own.as_others is None:
            index = torch.ones(tokens.shape[:2], dtype=torch.long, device=tokens.device)
            return tokens, backbone.camera_token[0][index.scatter(1, reference[:, None], 0)]
        rows = torch.arange(batch, device=tokens.device)
        first = backbone.camera_token[:, 0].expand(batch, -1)
        begun = own.as_others.unflatten(0, tokens.shape[:2]).clone()
        begun[rows, reference] = backbone.began(tokens[rows, reference], first, own.grid)
        return begun, None

    def _read(
        self, tapped: Tapped, reference: Tensor, frames: tuple[int, int], rays: bool
    ) -> Da3Prediction:
        taps = {layer: tokens.flatten(0, 1).float() for layer, tokens in tapped.taps.items()}
        logits, told = (
            self.head.both(taps, tapped.grid) if rays else (self.head(taps, tapped.grid), None)
        )
        logits = logits.unflatten(0, frames)
        told = None if told is None else told.permute(0, 2, 3, 1).unflatten(0, frames)
        return Da3Prediction(
            depth=logits[:, :, 0].exp(),
            confidence=confidence_exp(logits[:, :, 1]),
            pose_encoding=self.cam_dec(tapped.camera_tokens.float()),
            reference=reference,
            tapped=tapped,
            rays=None if told is None else told[..., :6],
            ray_confidence=None if told is None else confidence_exp(told[..., 6]),
        )


class Da3Single(nn.Module):
    """METRIC and MONO: depth and sky of views that do not see one another."""

    def __init__(self, config: Da3Config) -> None:
        super().__init__()
        if config.sees_views:
            raise ConfigError("these weights are of views that see one another, not of single ones")
        self.config = config
        self.backbone = _Named(config)
        self.head = SkyHead(config)

    def forward(
        self, images: Float[Tensor, "n 3 h w"]
    ) -> tuple[Float[Tensor, "n H W"], Float[Tensor, "n H W"]]:
        """Depth, up to the focal length in METRIC (see `metric_depth`), and sky, of normalised
        images (N, 3, H, W). Depths of the sky are as far as the farthest others."""
        backbone = self.backbone.pretrained
        depth, sky = self.head.both(backbone.alone(images), backbone.grid(images))
        depth, sky = depth[:, 0].exp(), sky[:, 0].relu()
        return with_far_sky(depth, sky), sky


def with_far_sky(depth: Tensor, sky: Tensor) -> Tensor:
    """depth where it is not sky; the sky gets the far quantile of the rest, over all views."""
    is_sky = sky >= SKY
    if int(is_sky.sum()) <= FEWEST_PIXELS or int((~is_sky).sum()) <= FEWEST_PIXELS:
        return depth
    rest = depth[~is_sky]
    if len(rest) > SAMPLE:  # evenly, where the published one draws: the same twice
        rest = rest[:: -(-len(rest) // SAMPLE)]
    return torch.where(is_sky, rest.quantile(SKY_QUANTILE), depth)
