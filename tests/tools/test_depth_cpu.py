"""The benchmark of a depth run's CPU: what it measures, and on what."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from benchmarks.depth_cpu import LONG, STEP, Cpu, head_worn, in_turns, in_words, run

from mapper.rooms import RoomSequence


def test_the_fast_walk_is_as_fast_as_asked_for() -> None:
    positions = RoomSequence(head_worn(0)).ground_truth.positions
    steps = np.linalg.norm(np.diff(positions, axis=0), axis=1)
    assert len(positions) == LONG
    assert np.mean(steps) == pytest.approx(STEP, rel=0.1)


def test_runs_are_called_in_turns_and_the_median_is_told() -> None:
    called: list[str] = []

    def one(name: str, user: float) -> Cpu:
        called.append(name)
        return Cpu(user, 1.0)

    now, before = in_turns(lambda: one("now", len(called)), lambda: one("before", 7.0), 3)
    assert called == ["now", "before"] * 3
    assert in_words(now) == "3.0 (2.0, 1.0)"  # of 0, 2 and 4: what was called before each
    assert in_words(before) == "8.0 (7.0, 1.0)"


def test_a_run_that_fails_is_no_measurement(tmp_path: Path) -> None:
    with pytest.raises(subprocess.CalledProcessError) as error:
        run(Path(__file__).parents[2], tmp_path / "nothing")
    assert error.value.cmd[0] == sys.executable
