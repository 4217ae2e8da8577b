"""Spares runs the part of the outputs that is slow, and tested elsewhere.

`python -m tests.support.quick_outputs` is `mapper` with small pictures, for runs that need a
process of their own; it wants the repository's root as its working directory.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mapper.cli import main
from mapper.core.mesh import Mesh

SMALLER = 8  # times, a side
COMMAND = (sys.executable, "-m", "tests.support.quick_outputs")


def shrink_pictures(monkeypatch: pytest.MonkeyPatch) -> None:
    """The report's pictures of the mesh, which take half the time of a short run."""
    from mapper.report import mesh_picture
    from mapper.run import outputs

    render, pictures = mesh_picture._render, outputs._pictures

    def small(mesh: Mesh, width: int, height: int, *view: Any) -> np.ndarray:
        return render(mesh, width // SMALLER, height // SMALLER, *view)

    def small_pictures(mesh: Mesh, held: np.ndarray) -> list[np.ndarray]:
        with pytest.MonkeyPatch.context() as patched:
            patched.setattr(mesh_picture, "_render", small)
            return pictures(mesh, held)

    monkeypatch.setattr(outputs, "_pictures", small_pictures)


def skip_report(monkeypatch: pytest.MonkeyPatch) -> None:
    """A line in place of the report."""

    def write(path: Path, _: object) -> None:
        path.write_text("report")

    monkeypatch.setattr("mapper.run.outputs._pictures", lambda *_: [])
    monkeypatch.setattr("mapper.run.outputs.write_report", write)


if __name__ == "__main__":
    shrink_pictures(pytest.MonkeyPatch())
    sys.exit(main())
