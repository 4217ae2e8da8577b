"""Spares live runs the part of the outputs that is slow, and tested elsewhere."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from mapper.report import mesh_picture

SMALLER = 8  # times, a side


def shrink_pictures(monkeypatch: pytest.MonkeyPatch) -> None:
    """The report's pictures of the mesh."""
    render: Callable[..., Any] = mesh_picture._render

    def small(mesh: Any, width: int, height: int, *view: Any) -> Any:
        return render(mesh, width // SMALLER, height // SMALLER, *view)

    monkeypatch.setattr(mesh_picture, "_render", small)


def skip_report(monkeypatch: pytest.MonkeyPatch) -> None:
    """A line in place of the report."""

    def write(path: Path, _: object) -> None:
        path.write_text("report")

    monkeypatch.setattr("mapper.run.outputs._pictures", lambda _: [])
    monkeypatch.setattr("mapper.run.outputs.write_report", write)
