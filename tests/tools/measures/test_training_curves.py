"""Logs of stretches are one training."""

from __future__ import annotations

import json
from pathlib import Path

from measures.training_curves import draw, read


def log(path: Path, *lines: dict[str, object]) -> Path:
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    return path


def test_stretches_follow_one_another(tmp_path: Path) -> None:
    held_back = {"step": 40, "validation": {"depth": 0.3, "flat": 0.5}}
    first = log(tmp_path / "a", {"step": 20, "total": 2.0}, {"step": 40, "total": 1.5}, held_back)
    second = log(tmp_path / "b", {"step": 20, "total": 1.0})
    curves = read([first, second])
    assert curves.points["total"] == [(20, 2.0), (40, 1.5), (60, 1.0)]
    assert curves.points["validation/depth"] == [(40, 0.3)]
    assert curves.ends == [40, 60]
    draw(curves, tmp_path / "curves.png")
    assert (tmp_path / "curves.png").read_bytes().startswith(b"\x89PNG")
