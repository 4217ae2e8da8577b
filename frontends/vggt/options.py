"""Settings of the frontends stream3r, streamvggt and vggt; imports nothing heavy."""

from __future__ import annotations

import re
from typing import Annotated, Final, Literal

from annotated_types import Ge
from pydantic import AfterValidator

from mapper.core.quantities import (
    Allowed,
    Compiling,
    Device,
    Frames,
    FramesOrZero,
    Keyframes,
    NonNegative,
    PixelsOrZero,
    PositiveShare,
    ProductType,
    Radians,
    Share,
    Switch,
    Text,
    Unit,
    Whole,
)
from mapper.core.settings_model import settings

# Frames of an offline sequence. The attention of N frames of 518x392 to one another takes
# N^2 * 0.107 TFLOP: 440 for 64, a second on a large GPU and more than an hour on one CPU core.
MAX_FRAMES: Final = 64
UNITS: Final = {
    "": 1,
    "B": 1,
    "KB": 10**3,
    "MB": 10**6,
    "GB": 10**9,
    "KIB": 2**10,
    "MIB": 2**20,
    "GIB": 2**30,
}


def parse_bytes(size: int | str) -> int:
    """Bytes of "8GB", "512 MiB" or a bare number; ValueError for anything else."""
    match = re.fullmatch(r"\s*([0-9]*\.?[0-9]+)\s*([A-Za-z]*)\s*", str(size))
    unit = match[2].upper() if match else ""
    if match is None or unit not in UNITS or float(match[1]) <= 0:
        raise ValueError(f"{size!r} is no size like 8GB, 512MB or 2000000000")
    return int(float(match[1]) * UNITS[unit])


def _budget(size: int | str) -> int | str:
    """As it was given, if it can be read."""
    if size:
        parse_bytes(size)
    return size


Budget = Annotated[
    Whole | Text,
    AfterValidator(_budget),
    Allowed("a size like 8GB, a number of bytes, or nothing"),
]


@settings
class CommonOptions:
    """What all networks of the VGGT family are told.

    image_size: width of the network's images; 0 = the one the checkpoint was trained with.
    points: depth = the depth head's map along the rays of the camera, head = the point head's
        points in the world, carried into the camera by its pose.
    use_calibration: where the camera is known, its rays replace the predicted ones.
    one_camera: where it is not, all frames are of one: its focal length is the mean of what the
        network implies, and is found anew with the map; else each frame has its own.
    device: where the network runs; auto = a GPU if there is one.
    precision: of the network's products; the heads stay float32. auto = bfloat16 where the
        processor multiplies it faster than float32; int8 = weights and tokens of the linear
        layers in eight bits, on CPUs.
    compile: auto = on a GPU what is computed of a frame are a few CUDA graphs from the third on, on
        = and the blocks within a frame go through torch.compile, off = neither.
    min_confidence: of points worth mapping.
    depth_error: standard deviation of a depth as a share of it, which the backend is told.
    """

    image_size: PixelsOrZero = 0
    points: Literal["depth", "head"] = "depth"
    use_calibration: Switch = True
    one_camera: Switch = True
    device: Device = "auto"
    precision: ProductType = "auto"
    compile: Compiling = "auto"
    min_confidence: NonNegative = 1.5
    depth_error: PositiveShare = 0.012  # depth_noise.LEARNED, not imported as it is heavy


@settings
class VggtOptions(CommonOptions):
    """The frontend vggt.

    loop: whole = all frames see one another, answered at the end; keyframes = a stream: new frames
        are shown together with keyframes of the map so far, as da3 does.
    max_frames: of a sequence where it is seen as a whole; longer ones are refused.
    first: frames of the first call of the loop, which nothing is answered before.
    every: new frames of each later call.
    active: keyframes shown with them, at most.
    """

    loop: Literal["whole", "keyframes"] = "whole"
    max_frames: Frames = MAX_FRAMES
    first: Frames = 20
    every: Frames = 8
    active: Annotated[Keyframes, Ge(3)] = 10


@settings
class StreamVggtOptions(CommonOptions):
    """The frontend streamvggt.

    cache: type of the cached keys and values; auto = as they are computed.
    kv_budget: what the cache may take, like 8GB or a number of bytes; empty = 60 % of the memory
        that is free once the weights are loaded. Exact, that is equal to the unbounded model,
        until it is full.
    kv_ms: what a frame may take before the cache stops growing as if it were full; 0 = any. On a
        GPU of 141 GB the budget alone lets a frame take 0.2 s. What is mapped then depends on the
        machine.
    kv_policy: what goes when the cache is full: overlap = the frame whose view the others show
        best, attention = the one the later frames looked at least, recency = the oldest, special =
        as overlap, but its camera and register tokens stay, tokens = single tokens of all frames,
        layer by layer, that changed little or are much like the others. The first frame always
        stays.
    cache_every: only every so many frames stay in the cache; those between see the past and go.
    cache_overlap: only keyframes stay in the cache: frames that overlap less than this with the
        last one that stayed, by where the network says that both are and what they see; the others
        see the past and go. 0 = all frames stay.
    anchor_every: frames after which the cache starts anew with the last frame as its first one,
        carried on in the same world; 0 = never. For networks that were trained on a few frames.
    anchor_turn: the same as soon as the camera has turned so far from the first frame; 0 = never.
    """

    cache: Literal["auto", "float32", "bfloat16", "float16", "int8", "float8"] = "auto"
    kv_budget: Budget = ""
    kv_ms: Annotated[NonNegative, Unit("ms")] = 0.0
    kv_policy: Literal["overlap", "attention", "recency", "special", "tokens"] = "overlap"
    cache_every: Frames = 1
    cache_overlap: Share = 0.0
    anchor_every: FramesOrZero = 0
    anchor_turn: Radians = 0.0


@settings
class Stream3rOptions(StreamVggtOptions):
    """The frontend stream3r.

    mode: causal = every frame sees all before it, window = the first and the last five (constant
        memory; kv_budget counts only if given), full = all see all: answered at the end of the
        sequence, without a cache, so kv_budget is refused.
    max_frames: of a sequence in full mode.
    """

    mode: Literal["causal", "window", "full"] = "causal"
    max_frames: Frames = MAX_FRAMES


@settings
class Stream3rMiniOptions(Stream3rOptions):
    """The frontend stream3r-mini: as stream3r, with a new first frame every few frames.

    anchor_every: frames after which the cache starts anew with the last frame as its first one,
        carried on in the same world; 0 = never.
    anchor_turn: the same as soon as the camera has turned so far from the first frame; 0 = never.
    depth_error: standard deviation of a depth as a share of it, which the backend is told.
    precision: of the network's products; so small, it is hardly faster in others.
    """

    precision: ProductType = "float32"
    anchor_every: FramesOrZero = 6
    anchor_turn: Radians = 0.2
    depth_error: PositiveShare = 0.05
