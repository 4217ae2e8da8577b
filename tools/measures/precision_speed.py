"""Seconds a frame of the learned frontends at their published sizes on a CPU, by precision.

    python tools measures.precision_speed [--models cut3r wint3r stream3r] [--frames 2]
        [--precisions float32 bfloat16 int8] [--rounds 2]

One thread, random weights and images, CPU time (other programs may be running), the fastest of all
frames once the stream is warm. The baseline is our network in float32 with PyTorch's own attention,
in the same run: rounds of all precisions in turns, each in a process of its own. Beside the time
stands what a precision changes: depth and camera position against float32's, relative to its mean.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import ExitStack, contextmanager, nullcontext
from dataclasses import dataclass
from multiprocessing import get_context
from typing import Final
from unittest.mock import patch

import numpy as np
import torch
from benchmarks import frontends as cut3r_benchmark
from benchmarks import wint3r as wint3r_benchmark
from torch import Tensor, nn

from mapper.frontends.cut3r.config import Cut3rConfig
from mapper.frontends.cut3r.rules.chosen import RULES
from mapper.frontends.cut3r.stepping import StepOptions
from mapper.frontends.layers import attention
from mapper.frontends.layers.packed_linear import CAN_PACK, pack_linears
from mapper.frontends.layers.precision import Precision, set_precision
from mapper.frontends.vggt.cache import kernels
from mapper.frontends.vggt.cache.session_options import SessionOptions
from mapper.frontends.vggt.config import VggtConfig
from mapper.frontends.vggt.frontend import prepare_for_cpu
from mapper.frontends.vggt.network import Heads, Vggt
from mapper.frontends.vggt.session import StreamSession
from mapper.frontends.wint3r.config import Wint3rConfig
from mapper.frontends.wint3r.session import Wint3rSession

BASELINE: Final = "float32, PyTorch's attention"
PRECISIONS: Final[tuple[Precision, ...]] = ("float32", "bfloat16", "int8")
WARM: Final = 2  # frames before the clock counts
CPU: Final = torch.device("cpu")
# An image to (depths, position) of a frame, or None where the network has not answered yet.
Step = Callable[[Tensor], "tuple[Tensor, Tensor] | None"]


@dataclass(frozen=True, slots=True)
class Run:
    """seconds: of the fastest frame, or the fastest pair of frames, a frame. depth, position: of
    the last answer, float32."""

    seconds: float
    depth: np.ndarray
    position: np.ndarray


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--models", nargs="+", choices=MODELS, default=list(MODELS))
    parser.add_argument("--precisions", nargs="+", choices=PRECISIONS, default=list(PRECISIONS))
    parser.add_argument("--frames", type=int, default=2, help="that are timed, in each round")
    parser.add_argument("--rounds", type=int, default=2)
    options = parser.parse_args(arguments)
    print("| network | precision | s a frame | ratio | depth | position |")
    print("| --- | --- | --- | --- | --- | --- |")
    for model in options.models:
        names = [BASELINE, *options.precisions]
        with ProcessPoolExecutor(1, get_context("spawn"), max_tasks_per_child=1) as pool:
            rounds = [
                {name: pool.submit(measured, model, name, options.frames).result()}
                for _ in range(options.rounds)
                for name in names
            ]
        report(model, names, rounds)


def report(model: str, names: Sequence[str], rounds: Sequence[dict[str, Run]]) -> None:
    """One line a precision, the fastest of its rounds."""
    runs = {name: [each[name] for each in rounds if name in each] for name in names}
    fastest = {name: min(run.seconds for run in each) for name, each in runs.items()}
    exact = runs[BASELINE][0]
    for name, each in runs.items():
        apart = (off(each[0].depth, exact.depth), off(each[0].position, exact.position))
        ratio = fastest[name] / fastest[BASELINE]
        print(
            f"| {model} | {name} | {fastest[name]:.2f} | {ratio:.2f} | "
            f"{apart[0]:.1e} | {apart[1]:.1e} |",
            flush=True,
        )


def off(found: np.ndarray, exact: np.ndarray) -> float:
    """Mean error relative to the mean size."""
    return float(np.abs(found - exact).mean() / np.abs(exact).mean())


@torch.inference_mode()
def measured(model: str, name: str, frames: int) -> Run:
    """In a process of its own."""
    torch.set_num_threads(1)
    precision: Precision = "float32" if name == BASELINE else name  # type: ignore[assignment]
    network, step, size = MODELS[model](precision)
    generator = torch.Generator().manual_seed(1)
    images = [torch.rand(1, 3, *size, generator=generator) for _ in range(WARM + 2 * frames)]
    times, answer = [], None
    with pytorch_attention() if name == BASELINE else nullcontext():
        for image in images:
            start = time.process_time()
            answer = step(image) or answer
            times.append(time.process_time() - start)
    assert answer is not None
    del network
    pairs = [sum(times[at : at + 2]) / 2 for at in range(WARM, len(times), 2)]
    return Run(min(pairs), *(each.numpy() for each in answer))


@contextmanager
def pytorch_attention() -> Iterator[None]:
    """Attention as it was before ours: `by_products` can do nothing."""
    with ExitStack() as stack:
        for module in (attention, kernels):
            stack.enter_context(patch.object(module, "by_products", lambda *_: False))
        yield


def cut3r(precision: Precision) -> tuple[nn.Module, Step, tuple[int, int]]:
    """CUT3R with TTSA3R's rule, 512x384."""
    model = cut3r_benchmark.random_model(Cut3rConfig(head_type="dpt"))
    set_precision(model, precision, CPU)
    options, states = StepOptions(RULES["ttsa3r"]()), [model.initial_state()]

    def step(image: Tensor) -> tuple[Tensor, Tensor]:
        prediction, states[0] = model.step(image * 2 - 1, states[0], options)
        return prediction.pointmap[..., 2].float(), prediction.pose[:, :3].float()

    return model, step, (384, 512)


def wint3r(precision: Precision) -> tuple[nn.Module, Step, tuple[int, int]]:
    """512x384, windows of four, two new frames in each."""
    model = wint3r_benchmark.random_model(Wint3rConfig())
    set_precision(model, precision, CPU)
    if CAN_PACK:
        pack_linears(model.cam_head)
    session = Wint3rSession(model, wint3r_benchmark.OPTIONS)

    def step(image: Tensor) -> tuple[Tensor, Tensor] | None:
        answers = session.step(image * 2 - 1)
        if not answers:
            return None
        return answers[-1].pointmap[..., 2].float(), answers[-1].poses[-1][:, :3].float()

    return model, step, (384, 512)


def stream3r(precision: Precision) -> tuple[nn.Module, Step, tuple[int, int]]:
    """518x392, causal, the first frames."""
    torch.manual_seed(0)
    model = Vggt(VggtConfig()).eval().requires_grad_(False)
    model.channels_last()
    set_precision(model, precision, CPU)
    prepare_for_cpu(model)
    session = StreamSession(model, SessionOptions(heads=Heads(depth=True, points=False)))

    def step(image: Tensor) -> tuple[Tensor, Tensor]:
        prediction = session.step(image)
        assert prediction.depth is not None
        return prediction.depth.float(), prediction.pose_encoding[0, :, :3].float()

    return model, step, (392, 518)


MODELS: Final = {"cut3r": cut3r, "wint3r": wint3r, "stream3r": stream3r}

if __name__ == "__main__":
    main()
