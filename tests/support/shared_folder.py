"""What is made once for all of a session's workers, not once for each."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Final

import pytest

from mapper.runtime.folder_lock import folder_lock

PATIENCE_S: Final = 600.0  # for another worker to make it
Make = Callable[[Path], object]


def made_once(factory: pytest.TempPathFactory, name: str, make: Make) -> Path:
    """The path `name` that make(path) fills, by the worker that asks first; the others wait.

    Nobody may write into it.
    """
    base = factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        base = base.parent  # each worker has a folder of its own below the session's
    path, done = base / "shared" / name, base / "shared" / f"{name}.done"
    turn = base / "shared" / f"{name}.turn"
    turn.mkdir(parents=True, exist_ok=True)
    with folder_lock(turn, PATIENCE_S):
        if not done.exists():  # a maker that failed leaves no such mark: the next one tries again
            make(path)
            done.touch()
    return path
