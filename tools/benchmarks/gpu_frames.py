"""Milliseconds and memory of a frame of every learned frontend on this machine's GPU.

    python tools benchmarks.gpu_frames [--device cpu] [--tiny] [--pretend] [--frames 200]

Weights are random: time and memory do not depend on them. Prints a Markdown table. --tiny: sizes
for a try without a GPU. --pretend: on a pretended GPU, by shapes alone, which proves that the
report would run there.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any, Final
from unittest.mock import patch

import numpy as np
import torch
from torch import nn

from mapper.core.frame import Frame
from mapper.frontends.cut3r import frontend as cut3r
from mapper.frontends.cut3r.config import Cut3rConfig
from mapper.frontends.cut3r.model import Cut3r
from mapper.frontends.cut3r.options import Cut3rOptions
from mapper.frontends.learned import LearnedFrontend
from mapper.frontends.vggt import frontend as vggt
from mapper.frontends.vggt.config import VggtConfig
from mapper.frontends.vggt.network import Vggt
from mapper.frontends.vggt.options import Stream3rOptions
from mapper.frontends.wint3r import frontend as wint3r
from mapper.frontends.wint3r.config import Wint3rConfig
from mapper.frontends.wint3r.network import Wint3r
from mapper.frontends.wint3r.options import Wint3rOptions
from tests.support.networks import tiny_cut3r, tiny_wint3r, vggt_networks
from tests.support.pretended_gpu.torch_cuda import pretended_gpu

SPREAD: Final = 0.02  # of the random weights
COUNTED: Final = 5  # frames whose median is told
NO_WEIGHTS: Final = "random"


@dataclass(frozen=True, slots=True)
class Run:
    """size: (width, height) of its frames. rows: frames that are told, the last one the end."""

    name: str
    build: Callable[[], LearnedFrontend]
    size: tuple[int, int]
    rows: tuple[int, ...]


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--device", default="auto", help="auto, cpu or cuda")
    parser.add_argument("--precision", default="auto", help="of all networks")
    parser.add_argument("--frames", type=int, default=200, metavar="N", help="of causal STream3R")
    parser.add_argument("--tiny", action="store_true", help="tiny networks, for a try on a CPU")
    parser.add_argument("--pretend", action="store_true", help="on a GPU that is not there")
    options = parser.parse_args(arguments)
    print("| frontend | precision | frame | ms | frames/s | peak GB |")
    print("| --- |" + " --- |" * 5)
    where = pretended_gpu(values=False) if options.pretend else nullcontext()
    with where, random_networks(options.tiny):
        for run in runs(options):
            measure(run, timed=not options.pretend)
    return 0


def runs(options: argparse.Namespace) -> list[Run]:
    """The configurations that papers and goals speak of."""
    told: dict[str, Any] = {"device": "cuda" if options.pretend else options.device}
    told["precision"] = options.precision
    few, last = (8, 8) if options.tiny else (24, options.frames)
    causal = tuple(sorted({COUNTED, *(last * k // 4 for k in (1, 2, 3, 4))} - {0}))
    small: dict[str, Any] = {"image_size": 64} if options.tiny else {}
    sizes = ((64, 48), (56, 42), (64, 28)) if options.tiny else ((512, 384), (518, 392), (512, 384))

    def of_cut3r(name: str) -> Callable[[], LearnedFrontend]:
        return lambda: cut3r.Cut3rFrontend(name, Cut3rOptions(**told, **small), NO_WEIGHTS)

    def of_stream3r(**more: Any) -> Callable[[], LearnedFrontend]:
        return lambda: vggt.create("stream3r", Stream3rOptions(**told, **more), NO_WEIGHTS)

    return [
        Run("cut3r", of_cut3r("cut3r"), sizes[0], (few,)),
        Run("cut3r-ttsa", of_cut3r("cut3r-ttsa"), sizes[0], (few,)),
        Run("stream3r window", of_stream3r(mode="window"), sizes[1], (few,)),
        Run("stream3r causal", of_stream3r(), sizes[1], causal),
        Run("stream3r causal, float8", of_stream3r(cache="float8"), sizes[1], causal),
        Run(
            "wint3r",
            lambda: wint3r.Wint3rFrontend(Wint3rOptions(**told), NO_WEIGHTS),
            sizes[2],
            (few,),
        ),
    ]


def measure(run: Run, timed: bool) -> None:
    """One line a row; the time that a pretence takes says nothing."""
    frontend = run.build()
    on_gpu = frontend._device.type == "cuda"
    if on_gpu:
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats()
    rng = np.random.default_rng(1)
    times: list[float] = []
    for number in range(run.rows[-1]):
        image = rng.integers(0, 255, (*run.size[::-1], 3), np.uint8)
        start = time.perf_counter()
        frontend.step(Frame(number, number / 30, image))
        if on_gpu:
            torch.cuda.synchronize()
        times.append(1e3 * (time.perf_counter() - start))
        if number + 1 in run.rows:
            ms = (
                mean_of_windows(times[-COUNTED - 1 :])
                if "wint3r" in run.name
                else median(times[-COUNTED:])
            )
            peak = f"{torch.cuda.max_memory_allocated() / 1e9:.2f}" if on_gpu else ""
            told = (f"{ms:.2f}", f"{1e3 / ms:.1f}") if timed else ("", "")
            cells = (run.name, frontend.precision, str(number + 1), *told)
            print(f"| {' | '.join((*cells, peak))} |", flush=True)


def mean_of_windows(times: list[float]) -> float:
    """Of whole windows, each of which answers two frames with the second."""
    return sum(times) / len(times)


@contextmanager
def random_networks(tiny: bool) -> Iterator[None]:
    """Whatever checkpoint is asked for, a network of random weights."""
    cut = tiny_cut3r.TINY if tiny else Cut3rConfig()
    ggt = vggt_networks.TINY if tiny else VggtConfig()
    win = tiny_wint3r.CONFIG if tiny else Wint3rConfig()
    loaders: dict[Any, tuple[str, Callable[..., nn.Module]]] = {
        cut3r: ("load_cut3r", lambda _: drawn(Cut3r(cut))),
        vggt: ("load_vggt", lambda *_: drawn(Vggt(ggt)).channels_last()),
        wint3r: ("load_wint3r", lambda _: drawn(Wint3r(win))),
    }
    with ExitStack() as stack:
        for module, (name, loader) in loaders.items():
            stack.enter_context(patch.object(module, name, loader))
        known = "mapper.frontends.learned.resolve_weights"
        stack.enter_context(patch(known, lambda weights, _: Path(weights or NO_WEIGHTS)))
        yield


def drawn(network: Any) -> Any:
    """Small random weights; gains are as they are made."""
    generator = torch.Generator().manual_seed(1)
    for parameter in network.parameters():
        if parameter.ndim > 1:
            torch.nn.init.normal_(parameter, std=SPREAD, generator=generator)
    return network.eval().requires_grad_(False)


if __name__ == "__main__":
    sys.exit(main())
