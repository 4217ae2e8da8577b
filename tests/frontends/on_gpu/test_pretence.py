"""Faults that a GPU would not forgive are found on the pretended one."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import Tensor

from mapper.frontends.layers.attention import attend
from tests.frontends.on_gpu.families import Families, answers, frames
from tests.support.pretended_gpu.graphs import CaptureError
from tests.support.pretended_gpu.torch_cuda import pretended_gpu

aten = torch.ops.aten


def on_gpu(*shape: int, dtype: torch.dtype = torch.float32) -> Tensor:
    return torch.zeros(*shape, device="cuda", dtype=dtype)


def heads(dtype: torch.dtype) -> list[Tensor]:
    return [on_gpu(1, 2, 3, 16, dtype=dtype) for _ in range(3)]


FAULTS: dict[str, Callable[[], object]] = {
    "tensors of two devices": lambda: on_gpu(3) + torch.ones(3),
    "a product of two devices": lambda: on_gpu(3, 3) @ torch.ones(3, 3),
    "an array of a tensor there": lambda: on_gpu(3).numpy(),
    "rows by indices elsewhere": lambda: torch.ones(3)[on_gpu(2, dtype=torch.long)],
    "float32 to the flash kernel": lambda: aten._scaled_dot_product_flash_attention(
        *heads(torch.float32)
    ),
    "types that differ": lambda: attend(
        on_gpu(1, 3, 2, 16), on_gpu(1, 3, 2, 16), on_gpu(1, 3, 2, 16, dtype=torch.bfloat16)
    ),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_planted_fault_is_caught(fault: str) -> None:
    with pretended_gpu(), pytest.raises((RuntimeError, TypeError)):
        FAULTS[fault]()


@pytest.mark.parametrize("half", [torch.bfloat16, torch.float16])
def test_an_older_gpu_has_no_flash_kernel(half: torch.dtype) -> None:
    with pretended_gpu(capability=(7, 5)):
        query, key, value = heads(half)
        with pytest.raises(RuntimeError, match="Ampere"):
            aten._scaled_dot_product_flash_attention(query, key, value)


def test_a_weight_that_stays_behind_is_found(families: Families) -> None:
    with pretended_gpu():
        frontend = families.build("cut3r", "cuda")
        model = frontend._model  # type: ignore[attr-defined]
        model.dec_norm.weight = torch.nn.Parameter(torch.ones_like(model.dec_norm.weight.value))
        with pytest.raises(RuntimeError, match="device"):
            answers(frontend, frames("cut3r", 1))


def test_waits_are_counted_where_they_are() -> None:
    with pretended_gpu() as gpu:
        there = torch.ones(3).to("cuda")
        assert float(there.sum()) == 3
        there[there > 0].cpu()
    kinds = [what for what, _ in gpu.tally.waits]
    assert kinds == ["to GPU", "item", "index", "to CPU"]
    assert all("test_pretence.py" in place for _, place in gpu.tally.waits)
    assert gpu.tally.up == gpu.tally.down == 12


def test_what_nobody_waited_for_is_not_there_yet() -> None:
    with pretended_gpu() as gpu:
        here = torch.empty(4, pin_memory=True)
        here.copy_(torch.ones(4).to("cuda"), non_blocking=True)
        assert not (here == 1).any()
        event = torch.cuda.Event()
        event.record()
        event.synchronize()
        assert (here == 1).all()
        assert [what for what, _ in gpu.tally.waits] == ["to GPU", "synchronize"]


def test_a_graph_computes_when_it_is_replayed_on_the_memory_it_was_captured_with() -> None:
    with pretended_gpu() as gpu:
        start, graph = on_gpu(3), torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph):
            end = (start + 1).mul_(2)
        assert end.cpu().isnan().all()
        gpu.tally.forget()
        for number in (1.0, 5.0):
            start.fill_(number)
            graph.replay()
            assert (end.cpu() == 2 * (number + 1)).all()
        assert gpu.tally.kernels["graph"] == 2 and gpu.tally.captured == 4
        with pytest.raises(CaptureError), torch.cuda.graph(torch.cuda.CUDAGraph()):
            float(end.sum())


def test_memory_has_an_end_and_comes_back() -> None:
    with pretended_gpu(values=False, memory=1000) as gpu:
        first = on_gpu(100)
        with pytest.raises(torch.OutOfMemoryError):
            on_gpu(200)
        del first
        assert on_gpu(200).shape == (200,) and gpu.tally.peak >= 1200


def test_kernels_cost_what_the_model_says() -> None:
    rates_ms = 1e3 * 2 * 4096**3 / 450e12
    with pretended_gpu(values=False) as gpu:
        square = on_gpu(4096, 4096, dtype=torch.bfloat16)
        gpu.tally.forget()
        square @ square
        assert gpu.tally.flops == 2 * 4096**3
        assert 1e3 * gpu.tally.seconds == pytest.approx(rates_ms)
        gpu.tally.forget()
        square.add_(1)
        moved = 2 * square.numel() * 2 / 3.5e12
        assert gpu.tally.seconds == pytest.approx(moved, rel=0.6) and gpu.tally.launches == 1


def test_values_are_those_of_the_cpu() -> None:
    rng = np.random.default_rng(1)
    query, key, value = (torch.from_numpy(rng.normal(size=(1, 5, 2, 8))).float() for _ in range(3))
    with pretended_gpu():
        found = attend(query.to("cuda"), key.to("cuda"), value.to("cuda")).cpu()
    torch.testing.assert_close(found, attend(query, key, value))
