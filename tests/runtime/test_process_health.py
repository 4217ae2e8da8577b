"""The process's memory, on every system."""

from __future__ import annotations

import subprocess
import sys
from types import SimpleNamespace

import numpy as np
import psutil
import pytest

from mapper.runtime.process_health import Pace, peak_memory_mb, resident_mb


def test_memory_that_is_taken_shows() -> None:
    """In a process of its own: this one's other threads give memory back meanwhile."""
    program = (
        "import numpy as np\n"
        "from mapper.runtime.process_health import resident_mb\n"
        "before = resident_mb()\n"
        "taken = np.ones(8 * 2**20)\n"  # 64 MiB, each page written
        "print((resident_mb() - before) / (taken.nbytes / 2**20))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert 0.9 < float(done.stdout) < 1.2


def test_the_peak_stays_when_memory_is_given_back() -> None:
    taken = np.ones(8 * 2**20)
    at_most = resident_mb()
    del taken
    assert peak_memory_mb() >= 0.99 * at_most


def test_windows_tells_its_peak_without_the_module_that_it_lacks(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """`import resource` fails there: a run could not even start."""
    monkeypatch.setattr(sys, "platform", "win32")
    monkeypatch.setitem(sys.modules, "resource", None)
    usage = SimpleNamespace(memory_info=lambda: SimpleNamespace(peak_wset=3 * 2**20))
    monkeypatch.setattr(psutil, "Process", lambda: usage)
    assert peak_memory_mb() == 3.0


def test_the_pace_is_of_the_last_seconds(monkeypatch: pytest.MonkeyPatch) -> None:
    seconds = iter([0.0, 0.5, 1.0, 9.0])
    monkeypatch.setattr("mapper.runtime.process_health.time.monotonic", lambda: next(seconds))
    pace = Pace()
    assert [pace.tick() for _ in range(4)] == [0.0, 2.0, 2.0, 0.0]
