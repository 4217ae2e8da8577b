"""A run holds its map against itself, and finds nothing where it is right."""

from __future__ import annotations

import json
from pathlib import Path


def test_a_right_map_is_asked_and_not_doubted(mapped: Path) -> None:
    metrics = json.loads((mapped / "metrics.json").read_text())
    found = metrics["self_doubt"]
    assert found["pairs"] > 10 and found["cycles"] > 5  # there was something to find
    assert not found["doubtful"] and found["worst_pair"] < 0.1
    assert metrics["warnings"] == []
    assert "doubt" in metrics["timings"]
    assert "probably wrong" not in (mapped / "report.html").read_text(encoding="utf-8")
