"""Do memory and time of a frame stay as they were, over thousands of them, whatever the rule?

    python tools benchmarks.networks.long_streams --frames 10000
    python tools benchmarks.networks.long_streams --frames 500 --only chunks tokens

Tiny networks with random weights, random images, one thread: of CUT3R each update rule and what
may be put on top of one, of STream3R every cache mode, with nine frames of cache. Times are
CPU milliseconds a frame, medians of the tenth of the frames before the middle and of the last one;
memory is the process's, from a tenth of the frames on.
"""

from __future__ import annotations

import argparse
import gc
import time
from collections.abc import Callable, Iterator, Sequence
from statistics import median
from typing import Any, Final

import torch

from benchmarks.frontends import random_model as random_cut3r
from benchmarks.parts.streaming_measures import CONFIGS, SIZES
from mapper.frontends.cut3r.config import Cut3rConfig, DptConfig
from mapper.frontends.cut3r.frame_step import tensors_of
from mapper.frontends.cut3r.rules.chosen import RULES
from mapper.frontends.cut3r.rules.remedies import Brake, Chunks, FrameGate
from mapper.frontends.cut3r.stepping import StepOptions
from mapper.frontends.cut3r.update_rules import UpdateRule
from mapper.frontends.vggt.cache.session_options import ALL_POLICIES, SessionOptions
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
ON_TOP: Final[dict[str, Callable[[], UpdateRule]]] = {
    "brake": lambda: Brake(RULES["cut3r"](), share=0.8, sharpness=2.0),
    "frame gate": lambda: FrameGate(RULES["cut3r"](), 0.5),
    "chunks": lambda: Chunks(RULES["cut3r"](), chunks=5, written=2),
}
CACHES: Final[dict[str, dict[str, Any]]] = {
    **{name: {"policy": name} for name in ALL_POLICIES},
    "every third": {"cache_every": 3},
    "window": {"mode": "window"},
}
# What a frame does; bytes that it leaves.
Step = Callable[[int], int]


@torch.inference_mode()
def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--frames", type=int, default=10_000)
    known = [*RULES, *ON_TOP, *CACHES]
    parser.add_argument("--only", nargs="+", choices=known, default=known, metavar="NAME")
    options = parser.parse_args(arguments)
    torch.set_num_threads(1)
    print(f"{options.frames} frames\n| stream | ms | ms, last | kept KB | KB, last | grown MB |")
    print("| --- " * 6 + "|")
    for name, step in streams(options.only):
        print(f"| {name} | {measured(step, options.frames)} |", flush=True)


def streams(names: Sequence[str]) -> Iterator[tuple[str, Step]]:
    """What each name stands for, one after the other."""
    rules = {**RULES, **ON_TOP}
    cut3r, vggt = random_cut3r(TINY), random_vggt()
    for name in names:
        if name in rules:
            yield f"CUT3R, {name}", cut3r_step(cut3r, rules[name]())
        else:
            yield f"STream3R, {name}", vggt_step(vggt, CACHES[name])


def random_vggt() -> Vggt:
    torch.manual_seed(0)
    return Vggt(CONFIGS["tiny"]).eval().requires_grad_(False)


def cut3r_step(model: Any, rule: UpdateRule) -> Step:
    images = [torch.rand(1, 3, 48, 64) * 2 - 1 for _ in range(IMAGES)]
    state, options = model.initial_state(), StepOptions(rule)

    def step(number: int) -> int:
        nonlocal state
        _, state = model.step(images[number % IMAGES], state, options)
        return sum(part.nbytes for part in tensors_of(state))

    return step


def vggt_step(model: Vggt, options: dict[str, Any]) -> Step:
    width, height = SIZES["tiny"]
    images = [torch.rand(1, 3, height, width) for _ in range(IMAGES)]
    budget = None
    if "mode" not in options:
        first = StreamSession(model, SessionOptions(heads=Heads(points=False)))
        first.step(images[0])
        budget = BOUNDED * first.cache_bytes
    session = StreamSession(
        model, SessionOptions(budget=budget, heads=Heads(points=False), **options)
    )

    def step(number: int) -> int:
        session.step(images[number % IMAGES])
        return session.cache_bytes

    return step


def measured(step: Step, frames: int) -> str:
    """The cells of a row."""
    seconds: list[float] = []
    kept: list[int] = []
    settled = 0.0
    for number in range(frames):
        if number == frames // 10:
            gc.collect()
            settled = resident_mb()
        start = time.process_time()
        kept.append(step(number))
        seconds.append(time.process_time() - start)
    gc.collect()
    tenth = max(frames // 10, 1)
    middle, last = (
        1e3 * median(part) for part in (seconds[4 * tenth : 5 * tenth], seconds[-tenth:])
    )
    return (
        f"{middle:.2f} | {last:.2f} | {max(kept[tenth : 2 * tenth]) / 1e3:.1f} "
        f"| {max(kept[-tenth:]) / 1e3:.1f} | {resident_mb() - settled:.1f}"
    )


if __name__ == "__main__":
    main()
