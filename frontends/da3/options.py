"""Settings of the frontend da3; imports nothing heavy."""

from __future__ import annotations

from typing import Annotated, Final, Literal

from annotated_types import Ge

from mapper.core.quantities import (
    AtLeastTwo,
    Compiling,
    Device,
    Frames,
    Keyframes,
    KeyframesOrZero,
    NonNegative,
    PixelsOrZero,
    ProductType,
    Switch,
)
from mapper.core.settings_model import settings

NAME: Final = "da3"


@settings
class Da3Options:
    """The frontend da3.

    model: whose weights; small and base are published under Apache 2.0, the others are not.
    loop: keyframes = new frames are shown together with keyframes of the map so far, chunks =
        DA3-Streaming's: long chunks of which each shares half with the next.
    image_size: the longer side of the network's images (with lower_bound the shorter one); 0 = 504,
        as published, on a GPU and 252 on a CPU.
    fit: how sides become multiples of 14: crop cuts margins, resize resizes each by itself.
    first: frames of the first call of the loop, which nothing is answered before.
    every: new frames of each later call.
    active: keyframes shown with them, at most.
    anchors: of these, those whose depth is computed again to find a call's scale; 0 = all, as
        published.
    keyframes: remembered ones, with their images.
    chunk: frames of a chunk; small ones are much worse.
    overlap: frames that neighbouring chunks share.
    cameras: decoder = as the network's decoder says, rays = from the rays of all pixels, which
        takes longer and is published as more accurate.
    tracker: whose poses the frontend da3-posed takes: mono = of colour alone, rgbd = of a depth
        camera, whose own depth stays where there is any.
    context: earlier views that da3-posed shows with each.
    min_confidence: of points worth mapping, which all have more than 1.
    use_calibration: where the camera is known, its rays replace the predicted ones.
    one_camera: where it is not, all frames are of one: its focal length is the mean of what the
        network implies, and is found anew with the map; else each frame has its own.
    device: where the network runs; auto = a GPU if there is one.
    precision: of the network's products; the heads stay float32. auto = bfloat16 where the
        processor multiplies it faster than float32; int8 = weights and tokens of the linear
        layers in eight bits, on CPUs.
    compile: auto = on a GPU a call is two CUDA graphs from the second of its kind on, on = and the
        blocks go through torch.compile, off = neither.
    """

    model: Literal["small", "base", "large", "giant"] = "small"
    loop: Literal["keyframes", "chunks"] = "keyframes"
    image_size: PixelsOrZero = 0
    fit: Literal[
        "upper_bound_crop", "upper_bound_resize", "lower_bound_crop", "lower_bound_resize"
    ] = "upper_bound_crop"
    first: Frames = 20
    every: Frames = 8
    active: Annotated[Keyframes, Ge(3)] = 10
    anchors: KeyframesOrZero = 2
    keyframes: Keyframes = 200
    chunk: AtLeastTwo = 120
    overlap: Frames = 60
    cameras: Literal["decoder", "rays"] = "decoder"
    tracker: Literal["mono", "rgbd"] = "mono"
    context: Frames = 4
    min_confidence: NonNegative = 0.0
    use_calibration: Switch = True
    one_camera: Switch = True
    device: Device = "auto"
    precision: ProductType = "auto"
    compile: Compiling = "auto"
