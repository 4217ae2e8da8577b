"""The same is done with many things here, in processes, or nowhere: what becomes of faults."""

from __future__ import annotations

import os
import sys

import pytest

from mapper.errors import ConfigError
from mapper.runtime.workers import Died, Workers, outcomes


def halved(number: int) -> tuple[int, int]:
    """And by which process. Odd numbers are a fault."""
    if number % 2:
        raise ValueError(f"{number} is odd")
    return number // 2, os.getpid()


def test_processes_do_all_and_tell_whose_fault_a_fault_was() -> None:
    found = dict(outcomes(halved, [4, 7, 10], Workers(2)))
    assert found[7] == Died("ValueError: 7 is odd")
    done = [found[4], found[10]]
    assert [each[0] for each in done if isinstance(each, tuple)] == [2, 5]
    assert os.getpid() not in {each[1] for each in done if isinstance(each, tuple)}


def test_here_a_fault_comes_out() -> None:
    each = outcomes(halved, [4, 7], Workers())
    assert next(each) == (4, (2, os.getpid()))
    with pytest.raises(ValueError, match="7 is odd"):
        next(each)


def test_no_process_and_no_ray_are_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ConfigError, match="--jobs 0: one process at least"):
        Workers(0)
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(ConfigError, match="pip install ray"):
        list(outcomes(halved, [4], Workers(ray="auto")))
