"""Writes what differs between two runs: diff.json, diff.ply and diff.html."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import numpy as np

from mapper.backend.sessions.changes import Change
from mapper.comparing.compare import Comparison
from mapper.comparing.page import write_changes
from mapper.comparing.painting import painted
from mapper.io.meshes.mesh_files import write_mesh
from mapper.report.mesh_picture import render_mesh, render_mesh_top
from mapper.run.directory import RunDirectory

NAMES: Final = ("diff.json", "diff.ply", "diff.html")


def difference_record(comparison: Comparison, min_size: float) -> dict[str, Any]:
    """What diff.json says. Lengths are in `units`, coordinates those of the run `world`; sizes are
    along the ground, the longer first, and upwards."""
    return {
        "earlier": comparison.earlier.name,
        "later": comparison.later.name,
        "world": comparison.world.name,
        "units": "metres" if comparison.is_metric else "units",
        "min_size": min_size,
        "up": comparison.up.tolist(),
        "appeared": [_record(change) for change in comparison.changes.appeared],
        "vanished": [_record(change) for change in comparison.changes.vanished],
    }


def write_difference(folder: Path, comparison: Comparison, found: dict[str, Any]) -> list[Path]:
    """Write the three files into a folder; returns them."""
    folder.mkdir(parents=True, exist_ok=True)
    record, mesh_file, page = (folder / name for name in NAMES)
    mesh = painted(comparison)
    write_mesh(mesh_file, mesh)
    x, y, z = comparison.up.tolist()
    pictures: list[np.ndarray] = [
        render_mesh(mesh, up=(x, y, z)),
        render_mesh_top(mesh, up=(x, y, z)),
    ]
    write_changes(page, found, pictures)
    RunDirectory(folder).write_json(record, found)
    return [page, mesh_file, record]


def _record(change: Change) -> dict[str, Any]:
    return {
        "centre": change.centre.tolist(),
        "size": change.size.tolist(),
        "area": change.area,
    }
