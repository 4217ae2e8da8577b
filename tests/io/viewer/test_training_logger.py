"""Curves in a Rerun recording."""

from __future__ import annotations

from pathlib import Path

from mapper.io.viewer.sinks import Destinations
from mapper.io.viewer.training_logger import TrainingLogger


def test_curves_are_in_the_recording(tmp_path: Path) -> None:
    path = tmp_path / "training.rrd"
    with TrainingLogger("training", Destinations(path)) as logger:
        assert logger.url is None
        for step in range(3):
            logger.add(step, {"training/total": 1.0 / (1 + step), "validation/depth": 0.3})
    content = path.read_bytes()
    assert b"training/total" in content and b"validation/depth" in content
