"""How wrong the simulated predictions are."""

from __future__ import annotations

from dataclasses import field, replace
from typing import Final, Literal, get_args

from mapper.core.quantities import (
    Count,
    Frames,
    LogScale,
    MetresOrZero,
    NonNegative,
    PixelsOrZero,
    Positive,
    Share,
    Whole,
)
from mapper.core.settings_model import settings
from mapper.errors import ConfigError

ImageSource = Literal["rendered", "real"]
IMAGE_SOURCES: Final = get_args(ImageSource)


@settings
class TailConfig:
    """How much oftener than a normal distribution's are errors that are many times the usual.

    weight: h of Tukey's distribution, g exp(h g^2 / 2) of a normal g; 0 = normal. With it a
    standard deviation is that of the middle half of the errors. farthest: so many of those at
    most, 0 = any.
    """

    weight: NonNegative = 0.0
    farthest: NonNegative = 0.0


@settings
class DriftConfig:
    """Errors of the relative motion from one frame to the next, correlated over frames.

    rotation_deg: standard deviation a frame and axis, degrees. translation: the same, metres.
    log_scale: standard deviation of the step of the scale's logarithm, a frame.
    correlation_frames: time after which an error has forgotten itself (1/e), frames.
    rotation_tails, translation_tails: of either.
    """

    rotation_deg: NonNegative = 0.155
    translation: MetresOrZero = 0.0033
    log_scale: LogScale = 0.0025
    correlation_frames: NonNegative = 12.0
    rotation_tails: TailConfig = field(default_factory=TailConfig)
    translation_tails: TailConfig = field(default_factory=TailConfig)

    def scaled(self, factor: float) -> DriftConfig:
        """The same drift with all amplitudes multiplied."""
        return replace(
            self,
            rotation_deg=factor * self.rotation_deg,
            translation=factor * self.translation,
            log_scale=factor * self.log_scale,
        )


@settings
class DepthErrorConfig:
    """Errors of one frame's depth map; standard deviations of the logarithm of depth.

    bias: of the whole map. warp: of each knot of a smooth grid of offsets over the image.
    noise: of each pixel, alike over noise_extent (1/e, as a share of the image's width; 0 = of each
    alone). warp_tails, noise_tails: of either. bias_correlation_frames, warp_correlation_frames:
    1/e times.
    edge_blur: radius in pixels over which depth edges are smeared into flying pixels, 0 = sharp.
    """

    bias: LogScale = 0.015
    warp: LogScale = 0.015
    noise: LogScale = 0.005
    bias_correlation_frames: NonNegative = 10.0
    warp_correlation_frames: NonNegative = 30.0
    edge_blur: PixelsOrZero = 1
    noise_extent: Share = 0.0
    warp_tails: TailConfig = field(default_factory=TailConfig)
    noise_tails: TailConfig = field(default_factory=TailConfig)


@settings
class ConfidenceConfig:
    """Confidence 1 + exp(level + spread * z), z of about unit variance.

    correlation: share of z (0 to 1) that tells of the true error; the rest is noise, of whose
    variance `white` is a pixel's own. typical_error: share of the depth at which it is neither sure
    nor unsure.
    outlier_factor: what the confidence of moving outliers, above 1, is multiplied by.
    """

    level: float = 1.0
    spread: NonNegative = 0.8
    correlation: Share = 0.6
    outlier_factor: NonNegative = 0.5
    typical_error: Positive = 0.015
    white: Share = 0.2


@settings
class OutlierConfig:
    """Blobs that drift through the image with wrong depth.

    count: how many. radius: share of the image's width. speed: greatest, in image widths a frame.
    log_offset: how far the depth is off at most, logarithm; at least half of it.
    """

    count: Whole = 3
    radius: NonNegative = 0.06
    speed: NonNegative = 0.015
    log_offset: LogScale = 0.5


@settings
class ImageConfig:
    """The images that go with the predictions.

    source: "rendered" from the truth with a texture, and so exactly consistent with it, or "real".
    The others are of rendered images. reference_every: the texture is taken from every N-th frame.
    supersample: rays a pixel, along each axis. exposure: greatest relative change of brightness,
    smooth over frames. noise: standard deviation of each pixel, share of white.
    """

    source: ImageSource = "rendered"
    reference_every: Frames = 15
    supersample: Count = 2
    exposure: NonNegative = 0.1
    noise: NonNegative = 0.01


@settings
class SimulationConfig:
    """seed: of everything drawn at random. width: of the predictions, pixels.

    reset_every: frames in a segment, its first one shared with the segment before; 0 = no resets.
    reset_scale: (least, greatest) scale of the segments after the first, drawn log-uniformly.
    metric: marks predictions metric; segments then keep scale 1, the drift of scale stays.
    focal_error: relative error of the focal lengths that are handed out with the right points.
    lost: (first frame, count) of stretches without predictions.
    """

    seed: int = 0
    width: int = 320
    drift: DriftConfig = field(default_factory=DriftConfig)
    depth: DepthErrorConfig = field(default_factory=DepthErrorConfig)
    confidence: ConfidenceConfig = field(default_factory=ConfidenceConfig)
    outliers: OutlierConfig = field(default_factory=OutlierConfig)
    images: ImageConfig = field(default_factory=ImageConfig)
    reset_every: int = 0
    reset_scale: tuple[float, float] = (0.4, 2.5)
    metric: bool = False
    focal_error: float = 0.0
    lost: tuple[tuple[int, int], ...] = ()

    def __post_init__(self) -> None:
        if self.width < 8:
            raise ConfigError(f"width {self.width}: a prediction is at least 8 pixels wide")
        if self.reset_every == 1 or self.reset_every < 0:
            raise ConfigError(
                f"reset_every {self.reset_every}: a segment has at least 2 frames; 0 for no resets"
            )
        if not 0 < self.reset_scale[0] <= self.reset_scale[1]:
            raise ConfigError(f"reset_scale {self.reset_scale}: expected 0 < least <= greatest")
        if self.focal_error <= -1:
            raise ConfigError(f"focal_error {self.focal_error}: must be above -1")

    def without_errors(self) -> SimulationConfig:
        """The true geometry, poses and cameras, with constant confidence and clean images."""
        return replace(
            self,
            drift=self.drift.scaled(0.0),
            depth=replace(self.depth, bias=0.0, warp=0.0, noise=0.0, edge_blur=0),
            confidence=replace(self.confidence, spread=0.0),
            outliers=replace(self.outliers, count=0),
            images=replace(self.images, exposure=0.0, noise=0.0),
            focal_error=0.0,
        )
