"""Measurements that are given to mapper run: told early where they make no sense."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from mapper.errors import ConfigError, InputError
from mapper.measured import scaling
from mapper.measured.asked import Measurements, check_scalable, measurements
from mapper.measured.scaling import scaled
from mapper.pipeline import map_into
from mapper.request import RunRequest
from mapper.run.directory import RunDirectory

ASKED = Measurements(camera_height=1.6)


def test_the_options_of_a_run_are_read(tmp_path: Path) -> None:
    plain = RunRequest(sequence=tmp_path)
    assert not measurements(plain)
    lengths = (("3", "1,2", "3,4", "0.5"),)
    asked = replace(
        plain, image_points=lengths, camera_height=1.6, tag="36h11:0.1", depth="sequence"
    )
    found = measurements(asked)
    assert found.image_points[0].metres == 0.5 and found.tag is not None and found
    assert not measurements(replace(plain, gravity="imu.csv"))
    upright = measurements(replace(plain, gravity="auto"))
    assert upright.has_level_floor and upright and not upright.tell_scale and found.tell_scale
    check_scalable(upright, True, "rgbd")  # a depth camera's map may be stood upright
    for wrong in ({"camera_height": 0.0}, {"tag": "36h11:0"}, {"image_points": (("1",) * 4,)}):
        with pytest.raises(ConfigError):
            measurements(replace(plain, **wrong))


def test_a_depth_camera_is_not_scaled(sample: Path, tmp_path: Path) -> None:
    asked = RunRequest(sequence=sample, out=tmp_path / "run", max_frames=2, camera_height=1.6)
    with pytest.raises(ConfigError, match="frontend rgbd maps in metres: leave out"):
        map_into(asked)
    assert not (tmp_path / "run").exists()


def test_a_run_that_cannot_be_scaled_is_mapped_all_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = RunDirectory(tmp_path)

    def refuses(run: RunDirectory, *_: Any, **__: Any) -> dict[str, Any]:
        raise InputError(f"{run.path}: tags: none; the run is left as it was")

    monkeypatch.setattr(scaling, "scale_run", refuses)
    assert scaled(run, ASKED, {"complete": False}) == {"complete": False}  # carried on later
    with pytest.raises(InputError, match="is mapped, but not scaled: tags: none; the run is left"):
        scaled(run, ASKED, {"complete": True})
    monkeypatch.setattr(scaling, "scale_run", lambda *_, **__: {"units": "metres"})
    assert scaled(run, ASKED, {"complete": True}) == {"units": "metres"}
