"""CUDA graphs compute what the functions do that they were captured of."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from typing import Any

import pytest
import torch
from torch import Tensor

from mapper.frontends.graphs import MOST, Graphs, Mixer
from tests.support.pretended_gpu.device import PretendedGpu
from tests.support.pretended_gpu.torch_cuda import pretended_gpu

GPU = torch.device("cuda")
ONCE, AGAIN, REPLAYED = range(3)  # calls with the same key


@pytest.fixture
def gpu() -> Iterator[PretendedGpu]:
    with pretended_gpu() as pretended:
        yield pretended


class Memory:
    """Mixes what it is shown with all that it was shown before, as a cache does."""

    def __init__(self) -> None:
        self.seen: list[Tensor] = []

    def __call__(self, layer: int, query: Tensor, key: Tensor, value: Tensor) -> Tensor:
        self.seen.append((key * value).clone())
        return (query + layer + sum(self.seen)).flatten(2)


def layers(mixers: Mapping[str, Mixer], tokens: Tensor) -> list[Any]:
    """(1, n, heads, d) through two layers that look at the past; also what is no tensor."""
    for layer in range(2):
        tokens = tokens * 0.5
        mixed = mixers["memory"](layer, tokens, tokens + 1, tokens + 2)
        tokens = tokens + mixed.view_as(tokens)
    return [tokens.square(), "done"]


def shown(number: int, device: torch.device) -> Tensor:
    return torch.full((1, 3, 2, 4), float(number), device=device)


def test_what_interrupts_is_done_every_time_and_results_are_ones_own(gpu: PretendedGpu) -> None:
    graphs, ours, theirs = Graphs(GPU, wanted=True), Memory(), Memory()
    found, expected = [], []
    for number in range(5):
        expected.append(layers({"memory": theirs}, shown(number, torch.device("cpu")))[0])
        tensors = [shown(number, GPU)]
        found.append(graphs.run("layers", layers, tensors, {"memory": ours}))
    assert gpu.tally.kernels["graph"] == 4 * 3 and len(ours.seen) == len(theirs.seen)
    for (tokens, word), exact in zip(found, expected, strict=True):  # the first ones, too
        torch.testing.assert_close(tokens.cpu(), exact)
        assert word == "done"


def test_each_key_has_graphs_of_its_own_up_to_a_number(gpu: PretendedGpu) -> None:
    graphs = Graphs(GPU, wanted=True)
    for factor in range(2 * MOST):
        for _ in (ONCE, AGAIN, REPLAYED):
            found = graphs.run(factor, lambda _, x, f=factor: f * x, [torch.ones(3, device=GPU)])
            assert (found.cpu() == factor).all()
    assert gpu.tally.kernels["graph"] == 2 * MOST


def test_a_capture_that_fails_is_told_and_everything_goes_on(
    gpu: PretendedGpu, caplog: pytest.LogCaptureFixture
) -> None:
    graphs = Graphs(GPU, wanted=True)

    def waits(_: Mapping[str, Mixer], x: Tensor) -> Tensor:
        return x * float(x.sum())

    with caplog.at_level(logging.WARNING):
        for _ in (ONCE, AGAIN, REPLAYED):
            assert (graphs.run("waits", waits, [torch.ones(2, device=GPU)]).cpu() == 2).all()
    assert caplog.text.count("CUDA graphs are not used") == 1 and gpu.tape is None


@pytest.mark.parametrize("wanted", [True, False])
def test_without_a_gpu_or_unwanted_there_are_none(wanted: bool) -> None:
    graphs = Graphs(torch.device("cpu") if wanted else GPU, wanted)
    memory = Memory()
    for _ in (ONCE, AGAIN, REPLAYED):
        graphs.run("layers", layers, [shown(1, torch.device("cpu"))], {"memory": memory})
    assert len(memory.seen) == 6
