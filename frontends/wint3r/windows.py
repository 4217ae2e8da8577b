"""Which frames form which windows."""

from __future__ import annotations

from dataclasses import dataclass, field

from mapper.errors import ConfigError
from mapper.frontends.wint3r.camera_pool import PoolOptions
from mapper.frontends.wint3r.positions import RotaryPrecision


@dataclass(frozen=True, slots=True)
class StreamOptions:
    """window: frames decoded together. stride: new ones a window, 0 = half of it. (Published: 4
    and 2.) first_pose: a frame's pose is that of its first window, not of its last.
    precision: of the encoder's rotary positions. pool: of the camera tokens.
    """

    window: int = 4
    stride: int = 0
    first_pose: bool = False
    precision: RotaryPrecision = RotaryPrecision.KERNEL
    pool: PoolOptions = field(default_factory=PoolOptions)

    def __post_init__(self) -> None:
        if self.window < 1:
            raise ConfigError(f"a window of {self.window} frames: at least 1 is needed")
        if not 0 <= self.stride <= self.window:
            raise ConfigError(
                f"a stride of {self.stride} frames: expected 1 to the window's {self.window}, "
                "or 0 for half of it"
            )

    @property
    def step(self) -> int:
        """Frames from the start of one window to that of the next."""
        return self.stride or max(self.window // 2, 1)
