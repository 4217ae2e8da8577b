"""Runs are compared by those that look alike, and by all others before one is refused."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pytest

from mapper.backend.config import BackendConfig
from mapper.backend.graph.edge import Edge, EdgeKind
from mapper.backend.sessions.agreement import Agreement
from mapper.backend.sessions.encounters import Encounters, EncounterSearch
from mapper.backend.sessions.meeting import Meeting
from mapper.errors import InputError
from mapper.merging import meeting_runs
from mapper.merging.meeting_runs import PairOfRuns, meet
from mapper.merging.sessions import MergedRun
from mapper.merging.shift import Shift
from mapper.runtime.workers import Died, Workers

SEARCH = cast(EncounterSearch, None)


def runs(count: int) -> list[MergedRun]:
    """Runs of two keyframes each, at one place."""
    return [
        cast(
            MergedRun,
            SimpleNamespace(
                name=f"run{n}",
                run=SimpleNamespace(path=Path(f"/runs/run{n}")),
                shift=Shift(n),
                session=SimpleNamespace(
                    readable=[], poses={2 * n: np.eye(4), 2 * n + 1: np.eye(4)}
                ),
            ),
        )
        for n in range(count)
    ]


class Meetings:
    """Two runs meet if they are among `overlapping`. asked: which were compared, in order."""

    def __init__(self, overlapping: Sequence[tuple[int, int]]) -> None:
        self._overlapping, self.asked = overlapping, list[tuple[int, int]]()

    def __call__(self, numbers: tuple[int, int], *_: Any) -> Meeting:
        self.asked.append(numbers)
        i, j = numbers
        edges: tuple[Edge, ...] = ()
        if numbers in self._overlapping:
            seen = ((2 * i, 2 * j), (2 * i, 2 * j + 1), (2 * i + 1, 2 * j + 1))
            edges = tuple(Edge(a, b, np.eye(4), 1e4 * np.eye(7), EdgeKind.LOOP) for a, b in seen)
        return Meeting(i, j, Encounters(), Agreement(edges, 0), is_free=False)


def met(
    monkeypatch: pytest.MonkeyPatch,
    overlapping: Sequence[tuple[int, int]],
    first: list[tuple[int, int]],
) -> tuple[Meetings, dict[int, np.ndarray]]:
    meetings = Meetings(overlapping)
    monkeypatch.setattr(meeting_runs, "meeting", meetings)
    monkeypatch.setattr(meeting_runs, "likely_pairs", lambda sessions: first)
    said: list[str] = []
    found, places = meet(runs(5), SEARCH, BackendConfig(), Workers(), said.append)
    assert len(said) == len(meetings.asked) == len(set(meetings.asked)) == len(found)
    return meetings, places


def test_who_is_joined_by_those_alike_is_compared_with_no_other(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    chain = [(0, 1), (1, 2), (2, 3), (3, 4)]
    meetings, places = met(monkeypatch, chain, chain)
    assert meetings.asked == chain and sorted(places) == [0, 1, 2, 3, 4]


def test_who_is_not_is_compared_with_all_that_are(monkeypatch: pytest.MonkeyPatch) -> None:
    meetings, places = met(monkeypatch, [(0, 1), (1, 2), (2, 4)], [(0, 1), (1, 2), (3, 4)])
    assert sorted(places) == [0, 1, 2, 4]
    # 4 was found by 2; 3 was compared with everyone, 4 included.
    assert {(0, 3), (1, 3), (2, 3), (3, 4), (2, 4)} <= set(meetings.asked)


def compared_elsewhere(pair: PairOfRuns) -> Meeting:
    return Meetings([(0, 1), (1, 2), (2, 3), (3, 4)])(pair.numbers)


def test_workers_are_given_paths_and_numbers_and_come_in_any_order(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def outcomes(do: Any, orders: list[PairOfRuns], workers: Workers) -> Any:
        assert do is meeting_runs.compared and workers.processes == 2
        assert all(order.shifts == tuple(map(Shift, order.numbers)) for order in orders)
        assert orders[0].paths == (Path("/runs/run0"), Path("/runs/run1"))
        return reversed([(order, compared_elsewhere(order)) for order in orders])

    monkeypatch.setattr(meeting_runs, "outcomes", outcomes)
    monkeypatch.setattr(
        meeting_runs, "likely_pairs", lambda sessions: [(0, 1), (1, 2), (2, 3), (3, 4)]
    )
    found, places = meet(runs(5), SEARCH, BackendConfig(), Workers(2), lambda line: None)
    assert [(m.earlier, m.later) for m in found] == [(0, 1), (1, 2), (2, 3), (3, 4)]
    assert sorted(places) == [0, 1, 2, 3, 4]


def test_a_pair_whose_worker_dies_ends_the_merge_in_a_line(monkeypatch: pytest.MonkeyPatch) -> None:
    def outcomes(do: Any, orders: list[PairOfRuns], workers: Workers) -> Any:
        return [(orders[0], Died("BrokenProcessPool: out of memory"))]

    monkeypatch.setattr(meeting_runs, "outcomes", outcomes)
    monkeypatch.setattr(meeting_runs, "likely_pairs", lambda sessions: [(0, 1)])
    with pytest.raises(InputError, match=r"run0 and run1 could not be compared: .*out of memory"):
        meet(runs(5), SEARCH, BackendConfig(), Workers(2), lambda line: None)
