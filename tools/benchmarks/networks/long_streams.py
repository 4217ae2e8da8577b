"""Do memory and time of a frame stay as they were, over thousands of them, whatever the rule?

    python tools benchmarks.networks.long_streams --frames 10000
    python tools benchmarks.networks.long_streams --frames 500 --only chunks tokens

Tiny networks with random weights, random images, one thread: of CUT3R each update rule and what
may be put on top of one, of STream3R every cache mode and type, with nine frames of cache, of
StreamVGGT those that keep its camera head's four entries a frame, and VGGT's loop of keyframes.
Times are CPU milliseconds a frame, medians of the tenth of the frames before the middle and of the
last one (of the loop means, as most of its frames only wait); what is kept is the most of the tenth
after the first and of the last one, also as a share of the budget where there is one; memory is the
process's, from a tenth of the frames on.
"""

from __future__ import annotations

import argparse
import gc
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from statistics import mean, median
from typing import Any, Final

import numpy as np
import torch

from benchmarks.frontends import random_model as random_cut3r
from mapper.frontends.cut3r.config import Cut3rConfig, DptConfig
from mapper.frontends.cut3r.frame_step import tensors_of
from mapper.frontends.cut3r.rules.chosen import RULES
from mapper.frontends.cut3r.rules.remedies import Brake, Chunks, FrameGate
from mapper.frontends.cut3r.stepping import StepOptions
from mapper.frontends.cut3r.update_rules import UpdateRule
from mapper.frontends.graphs import Graphs
from mapper.frontends.keyframe_loop.config import LoopRules
from mapper.frontends.keyframe_loop.stream import KeyframeStream, Limits
from mapper.frontends.vggt.cache.session_options import ALL_POLICIES, SessionOptions
from mapper.frontends.vggt.config import VggtConfig
from mapper.frontends.vggt.keyframes import JointVggt
from mapper.frontends.vggt.network import Heads, Vggt
from mapper.frontends.vggt.session import StreamSession
from mapper.runtime.process_health import resident_mb

IMAGES: Final = 8  # different ones in a stream
BOUNDED: Final = 9  # frames' worth of a cache
TINY: Final = Cut3rConfig(
    state_size=30,
    local_mem_size=10,
    enc_embed_dim=64,
    enc_depth=2,
    enc_num_heads=4,
    dec_embed_dim=48,
    dec_depth=4,
    dec_num_heads=3,
    state_dec_num_heads=4,
    dpt=DptConfig(16, 8, (8, 12, 16, 24)),
)
TINY_VGGT: Final = VggtConfig(
    img_size=56,
    embed_dim=32,
    vit_depth=1,
    vit_heads=2,
    agg_depth=2,
    agg_heads=2,
    cam_trunk_depth=1,
    cam_heads=2,
    dpt_features=8,
    dpt_layer_idx=(0, 0, 1, 1),
    dpt_out_channels=(8, 8, 8, 8),
)
SIZE: Final = (56, 70)  # height, width of its images
ON_TOP: Final[dict[str, Callable[[], UpdateRule]]] = {
    "brake": lambda: Brake(RULES["cut3r"](), share=0.8, sharpness=2.0),
    "frame gate": lambda: FrameGate(RULES["cut3r"](), 0.5),
    "chunks": lambda: Chunks(RULES["cut3r"](), chunks=5, written=2),
}
CACHES: Final[dict[str, dict[str, Any]]] = {
    **{name: {"policy": name} for name in ALL_POLICIES},
    "every third": {"cache_every": 3},
    "keyframes": {"cache_overlap": 0.9},
    "window": {"mode": "window"},
    **{name: {"storage": name} for name in ("bfloat16", "int8", "float8")},
    "tokens, int8": {"policy": "tokens", "storage": "int8"},
}
STREAMVGGT: Final[dict[str, dict[str, Any]]] = {
    f"streamvggt {name}": {"policy": name, "shared_camera_cache": True} for name in ALL_POLICIES
}
LOOP: Final = "vggt loop"


@dataclass(frozen=True, slots=True, eq=False)
class Stream:
    """step: what a frame does; bytes that it leaves. budget: bytes, 0 = none. average: of the
    seconds of frames."""

    name: str
    step: Callable[[int], int]
    budget: int = 0
    average: Callable[[Sequence[float]], float] = median


@torch.inference_mode()
def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--frames", type=int, default=10_000)
    known = [*RULES, *ON_TOP, *CACHES, *STREAMVGGT, LOOP]
    parser.add_argument("--only", nargs="+", choices=known, default=known, metavar="NAME")
    options = parser.parse_args(arguments)
    torch.set_num_threads(1)
    print(f"{options.frames} frames")
    print("| stream | ms | ms, last | kept KB | KB, last | of the budget | grown MB |")
    print("| --- " * 7 + "|")
    for stream in streams(options.only):
        print(f"| {stream.name} | {measured(stream, options.frames)} |", flush=True)


def streams(names: Sequence[str]) -> Iterator[Stream]:
    """What each name stands for, one after the other."""
    rules = {**RULES, **ON_TOP}
    cut3r, vggt = random_cut3r(TINY), random_vggt()
    for name in names:
        if name in rules:
            yield Stream(f"CUT3R, {name}", cut3r_step(cut3r, rules[name]()))
        elif name == LOOP:
            yield Stream("VGGT, keyframe loop", loop_step(vggt), average=mean)
        elif name in STREAMVGGT:
            options = STREAMVGGT[name]
            yield vggt_stream(f"StreamVGGT, {options['policy']}", vggt, options)
        else:
            yield vggt_stream(f"STream3R, {name}", vggt, CACHES[name])


def random_vggt() -> Vggt:
    torch.manual_seed(0)
    return Vggt(TINY_VGGT).eval().requires_grad_(False)


def cut3r_step(model: Any, rule: UpdateRule) -> Callable[[int], int]:
    images = [torch.rand(1, 3, 48, 64) * 2 - 1 for _ in range(IMAGES)]
    state, options = model.initial_state(), StepOptions(rule)

    def step(number: int) -> int:
        nonlocal state
        _, state = model.step(images[number % IMAGES], state, options)
        return sum(part.nbytes for part in tensors_of(state))

    return step


def vggt_stream(name: str, model: Vggt, options: dict[str, Any]) -> Stream:
    images = [torch.rand(1, 3, *SIZE) for _ in range(IMAGES)]
    heads = Heads(points=False)
    budget = None
    if "mode" not in options:
        first = StreamSession(model, SessionOptions(heads=heads, **options))
        first.step(images[0])
        budget = BOUNDED * first.cache_bytes
    session = StreamSession(model, SessionOptions(budget=budget, heads=heads, **options))

    def step(number: int) -> int:
        session.step(images[number % IMAGES])
        return session.cache_bytes

    return Stream(name, step, budget or 0)


def loop_step(model: Vggt) -> Callable[[int], int]:
    """Its limit of keyframes is reached early, as random weights say something else of each call.
    Bytes: points, confidences and images of keyframes."""
    rng = np.random.default_rng(0)
    images = [rng.integers(0, 255, (*SIZE, 3), np.uint8) for _ in range(IMAGES)]
    device = torch.device("cpu")
    stream = KeyframeStream(JointVggt(model, Graphs(device, False)), LoopRules(), Limits())

    def step(number: int) -> int:
        stream.step(images[number % IMAGES])
        return stream.nbytes

    return step


def measured(stream: Stream, frames: int) -> str:
    """The cells of a row."""
    seconds: list[float] = []
    kept: list[int] = []
    settled = 0.0
    for number in range(frames):
        if number == frames // 10:
            gc.collect()
            settled = resident_mb()
        start = time.process_time()
        kept.append(stream.step(number))
        seconds.append(time.process_time() - start)
    gc.collect()
    tenth = max(frames // 10, 1)
    middle, last = (
        1e3 * stream.average(part) for part in (seconds[4 * tenth : 5 * tenth], seconds[-tenth:])
    )
    early, late = max(kept[tenth : 2 * tenth]), max(kept[-tenth:])
    share = f"{late / stream.budget:.4f}" if stream.budget else "-"
    return (
        f"{middle:.2f} | {last:.2f} | {early / 1e3:.1f} | {late / 1e3:.1f} | {share} "
        f"| {resident_mb() - settled:.1f}"
    )


if __name__ == "__main__":
    main()
