"""Streams of random images through random networks: seconds and memory at some of their frames."""

from __future__ import annotations

import statistics
import time
from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import dataclass, replace
from typing import Any, Final, Literal

import torch
from reference.vggt import ReferenceSession, reference_work
from torch import Tensor
from torch.utils.flop_counter import FlopCounterMode

from mapper.frontends.layers.linear import product
from mapper.frontends.layers.precision import set_products
from mapper.frontends.vggt.cache.session_options import SessionOptions
from mapper.frontends.vggt.config import VggtConfig
from mapper.frontends.vggt.frontend import prepare_for_cpu
from mapper.frontends.vggt.network import Heads, Vggt
from mapper.frontends.vggt.session import StreamSession
from mapper.runtime.process_health import peak_memory_mb

OURS, BASELINE = "ours", "baseline"
STREAMVGGT: Final = "streamvggt"


def _network(
    side: int,
    width: int,
    vit: tuple[int, int],
    agg: tuple[int, int],
    cam: tuple[int, int],
    **dpt: Any,
) -> VggtConfig:
    """side: pixels. width: of a token. vit, agg, cam: depth and heads of each trunk."""
    return VggtConfig(
        img_size=side,
        embed_dim=width,
        vit_depth=vit[0],
        vit_heads=vit[1],
        agg_depth=agg[0],
        agg_heads=agg[1],
        cam_trunk_depth=cam[0],
        cam_heads=cam[1],
        **dpt,
    )


MID_DPT: Final = {"dpt_features": 64, "dpt_out_channels": (64, 128, 256, 256)}
TINY_DPT: Final = {"dpt_features": 32, "dpt_out_channels": (24, 32, 48, 48)}
CONFIGS: Final = {
    "published": VggtConfig(),
    "mid": _network(224, 256, (6, 4), (8, 4), (2, 8), **MID_DPT, dpt_layer_idx=(1, 3, 5, 7)),
    "tiny": _network(56, 64, (2, 4), (4, 4), (2, 4), **TINY_DPT, dpt_layer_idx=(0, 1, 2, 3)),
}
SIZES: Final = {"published": (518, 392), "mid": (224, 168), "tiny": (70, 56)}  # width, height
MEDIAN_OF: Final = 3  # frames up to the one that is named
IMAGES: Final = 8  # different ones in a stream
BOUNDED: Final = 9  # frames' worth of a cache with a policy
# Sustained by an H200: what specs/vggt_cost.json computes its limits with.
H200_FLOPS: Final = 790e12
H200_BYTES: Final = 4.3e12


@dataclass(frozen=True, slots=True)
class Stream:
    """What to run. who: OURS or BASELINE. size: (width, height). rows: frames to report, from 1.
    policy: of a cache that holds BOUNDED frames' worth; empty: all frames stay."""

    who: str
    model: str
    config: str
    size: tuple[int, int]
    mode: str
    device: str
    dtype: str
    rows: tuple[int, ...]
    policy: str = ""


@dataclass(frozen=True, slots=True)
class Row:
    """After so many frames. seconds: a frame (CPU time of the process on a CPU). peak_bytes: of the
    device's tensors, on a CPU of the process. cache_bytes: what the caches hold."""

    frame: int
    seconds: float
    peak_bytes: int
    cache_bytes: int


@torch.inference_mode()
def measured(stream: Stream) -> list[Row]:
    """In a process of its own, so that neither memory nor allocator remember another stream."""
    torch.set_num_threads(1)
    device = torch.device(stream.device)
    model = random_model(stream)
    size = (1, 3, stream.size[1], stream.size[0])
    images = [torch.rand(size, device=device) for _ in range(IMAGES)]
    times: list[float] = []
    rows = []
    with reference_work() if stream.who == BASELINE else nullcontext():
        new_session(model, stream).step(images[0])  # warm
        session = new_session(model, stream, budget_of(model, stream, images[0]))
        for number in range(1, max(stream.rows) + 1):
            times.append(seconds_of(session, images[number % IMAGES]))
            if number in stream.rows:
                last = statistics.median(times[-MEDIAN_OF:])
                rows.append(Row(number, last, peak_bytes(device), session.cache_bytes))
    return rows


def new_session(
    model: Vggt, stream: Stream, budget: int | None = None
) -> StreamSession | ReferenceSession:
    mode: Literal["causal", "window"] = "window" if stream.mode == "window" else "causal"
    options = SessionOptions(mode, shared_camera_cache=stream.model == STREAMVGGT)
    if budget is not None:
        options = replace(options, policy=stream.policy, budget=budget)
    return (ReferenceSession if stream.who == BASELINE else StreamSession)(model, options)


def budget_of(model: Vggt, stream: Stream, image: Tensor) -> int | None:
    """Bytes of a bounded cache."""
    if not stream.policy:
        return None
    session = new_session(model, stream)
    session.step(image)
    return BOUNDED * session.cache_bytes


def random_model(stream: Stream) -> Vggt:
    """Ours as the frontend prepares it, the baseline as it is published: float32."""
    torch.manual_seed(0)
    with torch.device(stream.device):
        model = Vggt(CONFIGS[stream.config]).eval().requires_grad_(False)
    if stream.who == BASELINE:
        torch.set_float32_matmul_precision("high")  # as the reference's evaluation does
        return model
    model.channels_last()
    if stream.dtype == "bfloat16":
        set_products(model.products, "bfloat16")
    if stream.device == "cpu":
        prepare_for_cpu(model)
    return model


def seconds_of(session: StreamSession | ReferenceSession, image: Tensor) -> float:
    """A step; CPU time on a CPU, where other programs may be running."""
    if image.device.type == "cpu":
        start = time.process_time()
        session.step(image)
        return time.process_time() - start
    torch.cuda.synchronize()
    start = time.perf_counter()
    session.step(image)
    torch.cuda.synchronize()
    return time.perf_counter() - start


def peak_bytes(device: torch.device) -> int:
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device)
    return int(peak_memory_mb() * 2**20)


@dataclass(frozen=True, slots=True)
class Arithmetic:
    """What a frame cannot do without.

    fixed: operations of a frame that sees itself alone. attended: those of the attention to one
    more frame. weights, keys: numbers, the latter of a frame's keys and values.
    """

    fixed: int
    attended: int
    weights: int
    keys: int

    @staticmethod
    def of(config: VggtConfig, size: tuple[int, int]) -> Arithmetic:
        """Counted on a network without data; size: (width, height)."""
        with torch.device("meta"):
            model = Vggt(config).eval().requires_grad_(False)
            image = torch.empty(1, 1, 3, size[1], size[0])
        with FlopCounterMode(display=False) as counter, torch.no_grad():
            model(image, heads=Heads())
        tokens = config.special_tokens + size[0] * size[1] // config.patch_size**2
        return Arithmetic(
            counter.get_total_flops(),
            4 * tokens**2 * config.embed_dim * config.agg_depth,
            sum(parameter.numel() for parameter in model.parameters()),
            2 * tokens * config.embed_dim * config.agg_depth,
        )

    def flops(self, seen: int) -> int:
        """Of a frame that sees so many, itself included."""
        return self.fixed + (seen - 1) * self.attended

    def h200_seconds(self, seen: int) -> float:
        """In bfloat16, with everything read once."""
        return max(self.flops(seen) / H200_FLOPS, self.bytes(seen, 2) / H200_BYTES)

    def bytes(self, seen: int, width: int) -> int:
        """Weights and cache in numbers of `width` bytes."""
        return width * (self.weights + seen * self.keys)


def cpu_flops(rows: Sequence[int] = (1024, 2048)) -> float:
    """Operations a second of this machine's best product of square float32 matrices."""
    torch.set_num_threads(1)
    best = 0.0
    for side in rows:
        matrix = torch.rand(side, side)
        for _ in range(MEDIAN_OF + 1):
            start = time.process_time()
            product(matrix, matrix)
            best = max(best, 2 * side**3 / (time.process_time() - start))
    return best
