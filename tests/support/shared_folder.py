"""What is made once for all of a session's workers, not once for each."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest
from filelock import FileLock

Make = Callable[[Path], object]


def made_once(factory: pytest.TempPathFactory, name: str, make: Make) -> Path:
    """The path `name` that make(path) fills, by the worker that asks first; the others wait.

    Nobody may write into it.
    """
    base = factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        base = base.parent  # each worker has a folder of its own below the session's
    path, done = base / "shared" / name, base / "shared" / f"{name}.done"
    path.parent.mkdir(exist_ok=True)
    with FileLock(base / "shared" / f"{name}.lock"):
        if not done.exists():  # a maker that failed leaves no such mark: the next one tries again
            make(path)
            done.touch()
    return path
