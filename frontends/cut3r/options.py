"""Settings of the CUT3R frontends; imports nothing heavy."""

from __future__ import annotations

from typing import Final

from mapper.core.quantities import (
    Compiling,
    Device,
    FramesOrZero,
    NonNegative,
    PixelsOrZero,
    ProductType,
    Share,
    Switch,
)
from mapper.core.settings_model import settings

VARIANTS: Final = ("cut3r", "cut3r-ttsa", "cut3r-ttt", "cut3r-damped")


@settings
class Cut3rOptions:
    """The frontends cut3r, cut3r-ttsa, cut3r-ttt and cut3r-damped.

    image_size: 512, or 224 for the linear checkpoint; 0 = whichever the checkpoint is.
    damping: step of the rule cut3r-damped.
    reset_every: frames after which the state starts anew, in a new segment that shares one frame
        with the last; 0 = never.
    chain_resets: join the segments by chaining poses, as TTT3R publishes it, not in the backend.
    use_calibration: where the camera is known, its rays replace the predicted ones.
    cross_view: take the points from the cross-view head, which predicts them in the world, carried
        into the camera by its pose; costs a second dense head.
    device: where the network runs; auto = a GPU if there is one.
    precision: of the network's products; the heads stay float32. auto = bfloat16 where the
        processor multiplies it faster than float32; int8 = weights and tokens of the linear
        layers in eight bits, on CPUs.
    compile: auto = on a GPU a frame is one CUDA graph from the third on, on = and the transformer
        blocks go through torch.compile, which takes most of a minute at the start and gained
        nothing on a CPU, off = neither.
    min_confidence: of points worth mapping.
    """

    image_size: PixelsOrZero = 0
    damping: Share = 0.5
    reset_every: FramesOrZero = 0
    chain_resets: Switch = False
    use_calibration: Switch = True
    cross_view: Switch = False
    device: Device = "auto"
    precision: ProductType = "auto"
    compile: Compiling = "auto"
    min_confidence: NonNegative = 1.5
