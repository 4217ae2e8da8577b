"""A run says at what size it works, and why there is little of a map."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from mapper.commands.run import print_summary
from mapper.io.sequences.open_sequence import open_sequence
from mapper.pipeline import map_into
from mapper.request import RunRequest
from mapper.run.directory import RunDirectory
from mapper.saved.results import sequence_again
from tests.support.quick_outputs import skip_report


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    skip_report(monkeypatch)


def mapped(
    sample: Path, out: Path, *changes: str, frames: int = 3
) -> tuple[RunDirectory, dict[str, Any], str]:
    """The run, its metrics, and what it said."""
    said: list[str] = []
    request = RunRequest(
        sequence=sample, out=out, max_frames=frames, changes=changes, save_recording=False
    )
    return (*map_into(request, said.append), said[0])


@pytest.mark.usefixtures("quick")
def test_large_images_are_worked_on_at_a_bounded_size(sample: Path, tmp_path: Path) -> None:
    run, metrics, said = mapped(sample, tmp_path / "out", "images.max_side=200")
    assert "3 frames of 320x240, worked on at 200x150" in said
    stored = run.read_description().says.sequence
    assert (stored.original_size, stored.image_size) == ([320, 240], [200, 150])
    assert tuple(metrics["image_size"]) == (200, 150) and metrics["tracked"] == 3
    assert run.keyframes.load(0).image.shape == (150, 200, 3)
    original = sequence_again(run)  # for exports
    assert original is not None
    assert original[0].image.shape == open_sequence(sample)[0].image.shape == (240, 320, 3)


@pytest.mark.usefixtures("quick")
def test_a_nearly_empty_map_says_why(
    sample: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    coarse = "backend.fusion.tsdf.voxel_size=0.65"
    run, metrics, _ = mapped(sample, tmp_path / "out", coarse, frames=2)
    (warning,) = metrics["warnings"]
    assert "voxels of 0.65 m are too large" in warning
    assert run.read_json(run.metrics)["warnings"] == [warning]
    print_summary(metrics)
    assert f"WARNING: {warning}" in capsys.readouterr().out
