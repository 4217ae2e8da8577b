"""Settings of the WinT3R frontend; imports nothing heavy."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from mapper.errors import ConfigError

NAME: Final = "wint3r"
PRECISIONS: Final = ("kernel", "fallback")


@dataclass(frozen=True, slots=True)
class Wint3rOptions:
    """window: frames decoded together, 0 = as the checkpoint was trained (published: 4).
    stride: new frames a window, 0 = half of it. A frame is answered when its last window is.

    low_latency: answer with a frame's first window instead, and leave it at that.
    pool_slots: camera tokens that poses may look back at, two a frame; 0 = all. A multiple of the
    window. 64 take 12 MiB at the published size, all of them 0.4 MB a frame.
    rotary: "kernel" (the encoder's rotary positions as the authors' compiled kernel computes them)
    or "fallback" (without it, as in recorded runs).
    edge: points are dropped where depth varies by more than this share of it within 3x3 pixels;
    0 keeps them. farthest: in units of the network. min_confidence: of points worth mapping, which
    all have more than 1; the published reconstruction has no such threshold.
    use_calibration: where the camera is known, its rays replace the predicted ones.
    device: "auto", "cpu", "cuda", "mps". bfloat16: run encoder and decoder in bfloat16; the heads
    stay float32. compile: torch.compile the transformer blocks.
    """

    window: int = 0
    stride: int = 0
    low_latency: bool = False
    pool_slots: int = 0
    rotary: str = "kernel"
    edge: float = 0.05
    farthest: float = 500.0
    min_confidence: float = 0.0
    use_calibration: bool = True
    device: str = "auto"
    bfloat16: bool = False
    compile: bool = False

    def __post_init__(self) -> None:
        if self.rotary not in PRECISIONS:
            raise ConfigError(f"wint3r.rotary={self.rotary}: expected {' or '.join(PRECISIONS)}")
