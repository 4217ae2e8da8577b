"""Seconds a frame of the learned frontends on the CPU, by part, beside the reference's cost.

    python tools benchmarks.frontends [--frames 8] [--rules cut3r ttt3r ttsa3r]

One thread, float32, random weights, CPU time (not wall time: other programs may be running). The
reference's recorded seconds come from another machine; the same-run baseline is our network made to
compute all that the reference does: three dense heads, the published order of the fusion, attention
logits materialised where the reference does so.
"""

from __future__ import annotations

import argparse
import copy
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from typing import Final
from unittest.mock import patch

import torch
from torch import Tensor, nn
from torch.nn import functional

from benchmarks.parts.trunks import trunk
from mapper.frontends.cut3r import dpt
from mapper.frontends.cut3r.config import Cut3rConfig
from mapper.frontends.cut3r.model import Cut3r
from mapper.frontends.cut3r.rules.chosen import RULES
from mapper.frontends.cut3r.state import Cut3rPrediction
from mapper.frontends.cut3r.stepping import StepOptions
from mapper.frontends.layers import attention

HEIGHT, WIDTH = 112, 160
# Of the reference, specs/cut3r_cost.json: CPU seconds a frame with one thread.
REFERENCE_SECONDS: Final = {"cut3r": 1.3947, "ttt3r": 1.6466, "ttsa3r": 1.5421}
MID_SIZE: Final = Cut3rConfig(
    state_size=256, local_mem_size=128, **trunk(enc=(384, 8, 6), dec=(256, 6, 4))
)
PARTS: Final = {
    "encoder": "encode",
    "decoder and memory read": "decode",
    "heads": "predict",
    "memory write": "written_memory",
}


@dataclass(frozen=True)
class Timing:
    """Median CPU seconds a frame, whole and by part."""

    total: float
    parts: dict[str, float]


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--frames", type=int, default=8)
    parser.add_argument("--rules", nargs="+", default=list(REFERENCE_SECONDS), choices=RULES)
    options = parser.parse_args(arguments)
    torch.set_num_threads(1)
    model = random_model(MID_SIZE)
    published = copy.deepcopy(model)
    published.to(memory_format=torch.contiguous_format)  # type: ignore[call-overload]
    images = [torch.rand(1, 3, HEIGHT, WIDTH) * 2 - 1 for _ in range(options.frames + 1)]
    print(f"{HEIGHT}x{WIDTH}, {options.frames} frames, median CPU seconds a frame, one thread")
    for rule in options.rules:
        ours = StepOptions(RULES[rule]())
        fast = timed(model, images, ours)
        with reference_work(rule):
            slow = timed(published, images, replace(ours, world=True, rgb=True))
            expected = run(published, images, ours)
        show(rule, fast, slow)
        apart = difference(expected, run(model, images, ours))
        print(f"{'':8}largest relative difference {apart:.1e}")


def random_model(config: Cut3rConfig) -> Cut3r:
    """Weights of a size at which neither the state nor the maps explode."""
    torch.manual_seed(0)
    model = Cut3r(config).eval()
    for name, parameter in model.named_parameters():
        if parameter.ndim > 1 and "norm" not in name:
            nn.init.normal_(parameter, std=0.02)
    return model


@torch.inference_mode()
def run(
    model: Cut3r, images: Sequence[Tensor], options: StepOptions
) -> list[tuple[float, Cut3rPrediction]]:
    """(CPU seconds, prediction) of every frame."""
    state, results = model.initial_state(), []
    for image in images:
        start = time.process_time()
        prediction, state = model.step(image, state, options)
        results.append((time.process_time() - start, prediction))
    return results


def timed(model: Cut3r, images: Sequence[Tensor], options: StepOptions) -> Timing:
    """Of all frames but the first, which warms up and has no past."""
    spent: dict[str, list[float]] = {part: [] for part in PARTS}
    with ExitStack() as stack:
        for part, method in PARTS.items():
            stack.enter_context(clocked(model, method, spent[part]))
        seconds = [seconds for seconds, _ in run(model, images, options)][1:]
    parts = {part: median(times[1:]) for part, times in spent.items()}
    parts["rest"] = median(seconds) - sum(parts.values())
    return Timing(median(seconds), parts)


@contextmanager
def clocked(model: Cut3r, method: str, times: list[float]) -> Iterator[None]:
    """Append the CPU seconds of every call of the method."""
    original = getattr(model, method)

    def call(*args: object) -> object:
        start = time.process_time()
        result = original(*args)
        times.append(time.process_time() - start)
        return result

    with patch.object(model, method, call):
        yield


@contextmanager
def reference_work(rule: str) -> Iterator[None]:
    """Make the network do what the reference does, beyond the heads that options ask for."""
    with ExitStack() as stack:
        stack.enter_context(patch.object(dpt.FusionBlock, "forward", published_fusion))
        stack.enter_context(patch.object(dpt.Reassemble, "forward", published_reassembly()))
        if rule == "ttt3r":
            stack.enter_context(patch.object(attention, "attend", explicit_attention))
        elif rule == "ttsa3r":
            stack.enter_context(patch.object(attention, "attend", attention_and_logits))
        yield


def published_fusion(block: dpt.FusionBlock, path: Tensor, skip: Tensor | None = None) -> Tensor:
    """The 1x1 convolution after the upsampling."""
    if skip is not None:
        path = path + block.resConfUnit1(skip)
    return block.out_conv(dpt.upsampled(block.resConfUnit2(path)))


def published_reassembly() -> Callable[..., Tensor]:
    """Maps with the pixels, not the channels, next to one another in memory."""
    ours = dpt.Reassemble.forward

    def forward(block: dpt.Reassemble, tokens: Tensor, grid: tuple[int, int]) -> Tensor:
        return ours(block, tokens, grid).contiguous()

    return forward


def explicit_attention(query: Tensor, key: Tensor, value: Tensor) -> Tensor:
    """TTT3R's: logits, a copy of them to keep, softmax, product."""
    query, key, value = (each.transpose(1, 2) for each in (query, key, value))
    logits = (query @ key.transpose(-1, -2)) * query.shape[-1] ** -0.5
    kept = logits.clone()
    mixed = logits.softmax(-1) @ value
    del kept
    return mixed.transpose(1, 2).flatten(2)


def attention_and_logits(query: Tensor, key: Tensor, value: Tensor) -> Tensor:
    """TTSA3R's: logits apart, and fused attention."""
    query, key, value = (each.transpose(1, 2) for each in (query, key, value))
    kept = ((query @ key.transpose(-1, -2)) * query.shape[-1] ** -0.5).clone()
    mixed = functional.scaled_dot_product_attention(query, key, value)
    del kept
    return mixed.transpose(1, 2).flatten(2)


def difference(
    expected: Sequence[tuple[float, Cut3rPrediction]], ours: Sequence[tuple[float, Cut3rPrediction]]
) -> float:
    """Largest error of pointmaps, confidence and poses, relative to each one's scale."""
    worst = 0.0
    for (_, a), (_, b) in zip(expected, ours, strict=True):
        pairs = ((a.pointmap, b.pointmap), (a.confidence, b.confidence), (a.pose, b.pose))
        worst = max(worst, *(float((x - y).abs().max() / x.abs().max()) for x, y in pairs))
    return worst


def show(rule: str, fast: Timing, slow: Timing) -> None:
    recorded = REFERENCE_SECONDS.get(rule)
    line = f"{rule:8}{fast.total:.3f} s"
    line += f"  {fast.total / slow.total:.2f} of the same-run baseline ({slow.total:.3f} s)"
    if recorded:
        line += f"  {fast.total / recorded:.2f} of the reference's recorded {recorded:.2f} s"
    print(line)
    for name, timing in (("ours", fast), ("baseline", slow)):
        print(f"{'':8}{name}: " + ", ".join(f"{p} {s:.3f}" for p, s in timing.parts.items()))


def median(values: Sequence[float]) -> float:
    return sorted(values)[len(values) // 2] if values else 0.0


if __name__ == "__main__":
    main()
