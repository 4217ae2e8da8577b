"""Solving in another process: the same poses, and none lost when it goes."""

from __future__ import annotations

import logging
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from mapper.backend.graph.edge import Edge, EdgeKind
from mapper.backend.graph.graph_problem import Kernel, Problem, SolveOptions
from mapper.backend.graph.graph_solver import EdgeFactors, solve
from mapper.backend.graph.solver_process import MIN_EDGES, SolverProcess
from mapper.core.sim3 import exp_sim3, inverse_similarity

OPTIONS = SolveOptions(True, Kernel("Huber", 1.345), (0,))


def noisy_chain(count: int = MIN_EDGES) -> tuple[dict[int, np.ndarray], list[Edge]]:
    """A walk with a loop; the poses are where the noisy steps lead."""
    rng = np.random.default_rng(3)
    truth, poses, edges = [np.eye(4)], {0: np.eye(4)}, []
    for k in range(1, count + 1):
        step = exp_sim3(0.2 * rng.standard_normal(7))
        measured = step @ exp_sim3(0.01 * rng.standard_normal(7))
        truth.append(truth[-1] @ step)
        poses[k] = poses[k - 1] @ measured
        edges.append(Edge(k - 1, k, measured, 1e4 * np.eye(7), EdgeKind.ODOMETRY))
    S_0_last = inverse_similarity(truth[0]) @ truth[count]
    edges.append(Edge(0, count, S_0_last, 1e6 * np.eye(7), EdgeKind.LOOP))
    return poses, edges


@pytest.fixture(scope="module")
def solver() -> Iterator[SolverProcess]:
    solver = SolverProcess()
    yield solver
    solver.close()


def test_the_other_process_finds_the_same_poses(solver: SolverProcess) -> None:
    poses, edges = noisy_chain()
    expected = solve(Problem(poses, edges, OPTIONS))
    for _ in range(2):
        found = solver.solve(Problem(poses, edges, OPTIONS), EdgeFactors(True))
        assert found.error == expected.error and not found.fault
        for k, S in expected.poses.items():
            np.testing.assert_array_equal(found.poses[k], S)
    assert np.abs(expected.poses[30] - poses[30]).max() > 1e-3  # it did move


def test_a_rollback_over_there_is_told(solver: SolverProcess) -> None:
    poses, edges = noisy_chain()
    edges[5].information[3, 3] = np.nan
    found = solver.solve(Problem(poses, edges, OPTIONS), EdgeFactors(True))
    assert found.fault
    np.testing.assert_array_equal(found.poses[6], poses[6])


def test_another_thread_runs_while_the_answer_is_awaited(tmp_path: Path) -> None:
    """The other process answers only after a thread of this one has left a sign."""
    sign = tmp_path / "sign"
    waiting = (
        "import os, time; from mapper.backend.graph import solver_process\n"
        f"while not os.path.exists({str(sign)!r}): time.sleep(0.01)\n"
        "solver_process.main()"
    )
    poses, edges = noisy_chain()
    solver = SolverProcess((sys.executable, "-c", waiting))
    timer = threading.Timer(0.2, sign.touch)
    timer.start()
    found = solver.solve(Problem(poses, edges, OPTIONS), EdgeFactors(True))
    solver.close()
    assert sign.exists() and found.error == solve(Problem(poses, edges, OPTIONS)).error


@pytest.mark.parametrize(
    "command",
    [(sys.executable, "-c", "pass"), (sys.executable, "-c", "print('what?')"), ("/no/such/file",)],
)
def test_where_the_process_is_lost_the_solving_is_done_here(
    command: tuple[str, ...], caplog: pytest.LogCaptureFixture
) -> None:
    poses, edges = noisy_chain()
    expected = solve(Problem(poses, edges, OPTIONS))
    solver = SolverProcess(command)
    with caplog.at_level(logging.WARNING):
        for _ in range(2):
            found = solver.solve(Problem(poses, edges, OPTIONS), EdgeFactors(True))
            assert found.error == pytest.approx(expected.error, rel=1e-9)
    assert caplog.text.count("is lost") == 1
    solver.close()


def test_a_small_graph_starts_no_process() -> None:
    poses, edges = noisy_chain(4)
    solver = SolverProcess(("/no/such/file",))
    assert solver.solve(Problem(poses, edges, OPTIONS), EdgeFactors(True)).error >= 0
    assert solver._process is None and not solver._lost
