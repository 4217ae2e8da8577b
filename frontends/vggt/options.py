"""Settings of the frontends stream3r, streamvggt and vggt; imports nothing heavy."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

NAMES: Final = ("stream3r", "streamvggt", "vggt")
# Frames of an offline sequence. The attention of N frames of 518x392 to one another takes
# N^2 * 0.107 TFLOP: 440 for 64, a second on a large GPU and more than an hour on one CPU core.
MAX_FRAMES: Final = 64


@dataclass(frozen=True, slots=True)
class CommonOptions:
    """image_size: width of the network's images (0: the one the checkpoint was trained with).

    points: "depth", the depth head's map along the rays of the camera, or "head", the point head's
    points in the world, carried into the camera by its pose.
    use_calibration: where the camera is known, its rays replace the predicted ones.
    device: "auto", "cpu", "cuda", "mps". bfloat16: run encoder and aggregator in bfloat16; the
    heads stay float32. min_confidence: of points worth mapping.
    """

    image_size: int = 0
    points: str = "depth"
    use_calibration: bool = True
    device: str = "auto"
    bfloat16: bool = False
    min_confidence: float = 1.5


@dataclass(frozen=True, slots=True)
class VggtOptions(CommonOptions):
    """As CommonOptions. max_frames: of a sequence, which is answered at its end; longer ones are
    refused."""

    max_frames: int = MAX_FRAMES


@dataclass(frozen=True, slots=True)
class StreamVggtOptions(CommonOptions):
    """As CommonOptions.

    cache: type of the cached keys and values: "auto" (as they are computed), "float32", "bfloat16",
    "int8", "float8". kv_budget: what the cache may take, like "8GB" or a number of bytes; empty =
    60 % of the memory that is free once the weights are loaded. kv_policy: which frame goes when
    it is full: "overlap" (the one whose view the others show best), "attention" (the one the later
    frames looked at least), "recency" (the oldest); the first frame always stays. Exact, that is
    equal to the unbounded model, until then.
    """

    cache: str = "auto"
    kv_budget: int | str = ""
    kv_policy: str = "overlap"


@dataclass(frozen=True, slots=True)
class Stream3rOptions(StreamVggtOptions):
    """As StreamVggtOptions.

    mode: "causal" (every frame sees all before it), "window" (the first and the last five; constant
    memory, kv_budget counts only if given), "full" (all see all: answered at the end of the
    sequence, without a cache, so kv_budget is refused). max_frames: of a sequence in full mode.
    """

    mode: str = "causal"
    max_frames: int = MAX_FRAMES
