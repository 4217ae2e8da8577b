"""Settings of the CUT3R frontends; imports nothing heavy."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

VARIANTS: Final = ("cut3r", "cut3r-ttsa", "cut3r-ttt", "cut3r-damped")


@dataclass(frozen=True, slots=True)
class Cut3rOptions:
    """image_size: 512, or 224 for the linear checkpoint (0: whichever the checkpoint is).

    damping: step of the rule cut3r-damped, 0 to 1. reset_every: frames after which the state
    starts anew, in a new segment that shares one frame with the last; 0 = never.
    chain_resets: join the segments by chaining poses, as TTT3R publishes it, not in the backend.
    use_calibration: where the camera is known, its rays replace the predicted ones.
    cross_view: take the points from the cross-view head, which predicts them in the world, carried
    into the camera by its pose; costs a second dense head.
    device: "auto", "cpu", "cuda", "mps". bfloat16: run encoder and decoder in bfloat16; the heads
    stay float32. compile: torch.compile the transformer blocks; takes most of a minute at the start
    and gained nothing on a CPU. min_confidence: of points worth mapping.
    """

    image_size: int = 0
    damping: float = 0.5
    reset_every: int = 0
    chain_resets: bool = False
    use_calibration: bool = True
    cross_view: bool = False
    device: str = "auto"
    bfloat16: bool = False
    compile: bool = False
    min_confidence: float = 1.5
