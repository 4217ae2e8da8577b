"""The ways of doing many sequences; Ray itself is stood in for."""

from __future__ import annotations

import sys
from collections.abc import Callable
from concurrent.futures import Future
from concurrent.futures.process import BrokenProcessPool
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from mapper.evaluate.job import BenchRequest
from mapper.evaluate.protocol import load_protocol
from mapper.evaluate.results import failure
from mapper.evaluate.running import Order, do, done
from tests.support.made_up_scene import write_predictions


class RayError(Exception):
    """As Ray's own."""


def stand_in(fails: bool) -> SimpleNamespace:
    """As much of Ray as is used; references are the waiting calls themselves."""

    def get(reference: tuple[Callable, Any]) -> Any:
        if fails:
            raise RayError("a worker died")
        function, argument = reference
        return function(argument)

    return SimpleNamespace(
        init=lambda address: None,
        remote=lambda function: SimpleNamespace(remote=lambda order: (function, order)),
        wait=lambda references, num_returns: (references[:num_returns], references[num_returns:]),
        get=get,
        exceptions=SimpleNamespace(RayError=RayError),
    )


@pytest.fixture
def orders(tmp_path: Path) -> list[Order]:
    folder = write_predictions(tmp_path / "scene")
    request = BenchRequest(load_protocol("metric-any-pose"), "predictions", str(folder), "truth")
    return [Order(request, "scene", repetition) for repetition in range(2)]


def test_a_cluster_does_every_order(orders: list[Order], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ray", stand_in(fails=False))
    results = list(done(orders, ray="auto"))
    assert [result.repetition for result in results] == [0, 1]
    assert all(result.succeeded for result in results)


def test_an_order_whose_worker_dies_has_failed(
    orders: list[Order], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "ray", stand_in(fails=True))
    results = list(done(orders, ray="auto"))
    assert [result.status for result in results] == ["failed", "failed"]
    assert "a worker died" in results[0].error


class MortalPool:
    """Runs orders here; the second repetition kills its process, and so all others with it."""

    def __init__(self, processes: int, mp_context: object) -> None:
        self.is_dead = False

    def __enter__(self) -> MortalPool:
        return self

    def __exit__(self, *_: object) -> None: ...

    def submit(self, function: Callable, order: Order) -> Future:
        future: Future = Future()
        self.is_dead |= order.repetition == 1
        if self.is_dead:
            future.set_exception(BrokenProcessPool("terminated abruptly"))
        else:
            future.set_result(function(order))
        return future


def test_a_process_that_dies_fails_its_own_order_alone(
    orders: list[Order], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mapper.runtime.workers.ProcessPoolExecutor", MortalPool)
    three = [orders[0], orders[1], replace(orders[0], repetition=2)]
    results = sorted(done(three, processes=2), key=lambda result: result.repetition)
    assert [result.status for result in results] == ["ok", "failed", "ok"]
    assert "terminated abruptly" in results[1].error


def test_a_reason_of_many_lines_becomes_one() -> None:
    assert failure("s", 0, "out of\n  memory:\n\n1 GiB\n", {}).error == "out of memory: 1 GiB"


def test_a_fault_of_a_library_fails_its_sequence_alone(
    orders: list[Order], monkeypatch: pytest.MonkeyPatch
) -> None:
    def out_of_memory(*_: object) -> None:
        raise RuntimeError("out of memory")

    monkeypatch.setitem(sys.modules["mapper.evaluate.running"].TASKS, "pose", out_of_memory)
    result = do(orders[0])
    assert (result.status, result.error) == ("failed", "RuntimeError: out of memory")
    assert result.metrics == {}
