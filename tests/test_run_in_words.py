"""A run says at what size it works, and why there is little of a map."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from mapper.commands.mapping.run import print_summary
from mapper.core.depth_noise import TIME_OF_FLIGHT, DepthNoise
from mapper.errors import ConfigError
from mapper.io.sequences.open_sequence import open_sequence
from mapper.pipeline import map_into
from mapper.request import RunRequest
from mapper.run.directory import RunDirectory
from mapper.saved.results import sequence_again
from mapper.saved.resume import as_before, camera_before
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


@pytest.mark.usefixtures("quick")
def test_the_kind_of_camera_is_noted_told_and_kept_when_the_run_is_resumed(
    sample: Path, tmp_path: Path
) -> None:
    request = RunRequest(
        sequence=sample,
        out=tmp_path / "out",
        max_frames=3,
        save_recording=False,
        camera_kind="time-of-flight",
    )
    said: list[str] = []
    run, metrics = map_into(request, said.append)
    assert any("time-of-flight depth (as asked)" in line for line in said)
    assert metrics["depth_camera"]["kind"] == "time-of-flight"
    assert run.keyframes.load(0).noise == TIME_OF_FLIGHT
    stored = run.read_description().says.sequence
    assert stored.camera_kind == "time-of-flight"
    assert DepthNoise(*(stored.depth_noise or ())) == TIME_OF_FLIGHT
    assert camera_before(run).noise == TIME_OF_FLIGHT
    assert as_before(replace(request, camera_kind="auto"), run).camera_kind == "time-of-flight"
    with pytest.raises(ConfigError, match="was made with --camera-kind time-of-flight"):
        as_before(replace(request, camera_kind="stereo"), run)
