"""Settings of the WinT3R frontend; imports nothing heavy."""

from __future__ import annotations

from typing import Final, Literal

from mapper.core.quantities import (
    Compiling,
    Device,
    FramesOrZero,
    NonNegative,
    ProductType,
    Switch,
    Units,
    Whole,
)
from mapper.core.settings_model import settings

NAME: Final = "wint3r"


@settings
class Wint3rOptions:
    """The frontend wint3r.

    window: frames decoded together; 0 = as the checkpoint was trained (published: 4).
    stride: new frames a window, 0 = half of it. A frame is answered when its last window is.
    low_latency: answer with a frame's first window instead, and leave it at that.
    pool_slots: camera tokens that poses may look back at, two a frame, a multiple of the window;
        64 take 12 MiB at the published size; 0 = all, which take 0.4 MB a frame.
    rotary: kernel = the encoder's rotary positions as the authors' compiled kernel computes them,
        fallback = without it, as in recorded runs.
    edge: points are dropped where depth varies by more than this share of it within 3x3 pixels;
        0 keeps them.
    farthest: distance beyond which points are dropped, in units of the network.
    min_confidence: of points worth mapping, which all have more than 1; the published
        reconstruction has no such threshold.
    use_calibration: where the camera is known, its rays replace the predicted ones.
    one_camera: where it is not, all frames are of one: its focal length is the mean of what the
        network implies, and is found anew with the map; else each frame has its own.
    device: where the network runs; auto = a GPU if there is one.
    precision: of the network's products; the heads stay float32. auto = bfloat16 where the
        processor multiplies it faster than float32; int8 = weights and tokens of the linear
        layers in eight bits, on CPUs.
    compile: auto = on a GPU frames and windows are a few CUDA graphs from the second on, on = and
        the transformer blocks go through torch.compile, off = neither.
    """

    window: FramesOrZero = 0
    stride: FramesOrZero = 0
    low_latency: Switch = False
    pool_slots: Whole = 0
    rotary: Literal["kernel", "fallback"] = "kernel"
    edge: NonNegative = 0.05
    farthest: Units = 500.0
    min_confidence: NonNegative = 0.0
    use_calibration: Switch = True
    one_camera: Switch = True
    device: Device = "auto"
    precision: ProductType = "auto"
    compile: Compiling = "auto"
