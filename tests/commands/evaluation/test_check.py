"""mapper check: a good map is told from one that was drawn twice, and what cannot be is refused."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import yaml

from mapper.core.geometry import exp_se3
from mapper.io.meshes.mesh_files import write_mesh
from mapper.pipeline import map_into
from mapper.request import RunRequest
from mapper.run.directory import RunDirectory
from mapper.run.records import poses_record
from mapper.saved.map import load_map
from mapper.saved.results import fuse_again, fusion_config

Bend = Callable[[int], np.ndarray]  # (4, 4) that the keyframe of a number is moved by


def bent(run: RunDirectory, bend: Bend) -> RunDirectory:
    """The run as if its keyframes had been put elsewhere, fused there."""
    saved = load_map(run)
    poses = {k: bend(number) @ S for number, (k, S) in enumerate(saved.poses.items())}
    moved = replace(saved, poses=poses)
    with run.journal.open("a", encoding="utf-8") as journal:
        journal.write(json.dumps({"event": "poses", **poses_record(moved)}) + "\n")
    write_mesh(run.mesh, fuse_again(run, moved, fusion_config(run), quiet=True)[0])
    return run


def test_a_good_map_is_told_so_and_not_surely_where_it_saw_no_place_again(
    finished: RunDirectory, command
) -> None:
    code, out, _ = command("check", finished.path, "--json")
    found = json.loads(out)
    assert code == 0
    assert found["grade"] in "AB"
    assert found["sure"] == (found["measures"]["revisits"] >= 3)
    assert found["sure"] or found["grade"] != "A"
    assert found["predicted_ate"]["low"] < found["predicted_ate"]["ate"] < 0.04
    assert found["measures"]["pairs"] > 5 and found["measures"]["held_out"] > 0
    assert json.loads((finished.path / "check.json").read_text())["grade"] == found["grade"]


def test_a_room_drawn_twice_is_found_with_its_frames(finished: RunDirectory, command) -> None:
    saved = load_map(finished)
    half = len(saved.poses) // 2
    beside = exp_se3(np.array([0, 0, 0, 0.25, 0.05, 0.2]))
    run = bent(finished, lambda number: beside if number >= half else np.eye(4))
    code, out, _ = command("check", run.path, "--json")
    found = json.loads(out)
    assert code == 0
    assert found["grade"] in "DEF"
    assert "misplaced" in {each["reason"] for each in found["reasons"]}
    worst = found["look_at"][0]
    assert worst["off"] == pytest.approx(0.32, abs=0.08)
    cut = saved.keyframes[half].frame_index
    assert min(worst["frames"]) < cut <= max(worst["frames"])


def test_drift_makes_the_prediction_worse(finished: RunDirectory, command) -> None:
    _, out, _ = command("check", finished.path, "--json")
    before = json.loads(out)["predicted_ate"]["ate"]
    run = bent(finished, lambda number: exp_se3(number * np.array([0, 0.012, 0, 0.03, 0.01, 0.02])))
    _, out, _ = command("check", run.path, "--json")
    found = json.loads(out)
    assert found["predicted_ate"]["ate"] > 2 * before
    assert found["grade"] in "CDEF"


def test_the_report_gets_a_section_once(finished: RunDirectory, command) -> None:
    command("check", finished.path)
    code, out, _ = command("check", finished.path)
    page = finished.report.read_text()
    assert code == 0
    assert "Grade " in out and "neighbouring views" in out and str(finished.report) in out
    assert page.count("Check without ground truth") == 1
    assert page.index('id="check"') < page.index("<h2>Problems found</h2>")
    assert page.rstrip().endswith("</html>")


def test_noisy_copies_part_by_little(sample: Path, tmp_path: Path, command) -> None:
    out = tmp_path / "short"
    map_into(RunRequest(sequence=sample, out=out, max_frames=16, save_recording=False))
    code, told, _ = command("check", out, "--thorough", "--json")
    spread = json.loads(told)["spread"]
    assert code == 0
    assert 0 < spread < 0.03


def test_what_cannot_be_checked_is_refused_in_one_line(
    finished: RunDirectory, killed: RunDirectory, tmp_path: Path, command
) -> None:
    def refused(path, *more: str) -> str:
        code, out, err = command("check", path, *more)
        assert (code, out) == (2, "")
        assert len(err.splitlines()) == 1
        return str(err)

    assert "no run here" in refused(tmp_path / "nothing")
    assert "interrupted" in refused(killed.path)
    description = yaml.safe_load((finished.path / "run.yaml").read_text())
    later = description | {"versions": {"mapper": "99.0"}}
    (finished.path / "run.yaml").write_text(yaml.safe_dump(later))
    assert "made by mapper 99.0" in refused(finished.path)
    played = description | {"frontend": "replay"}
    (finished.path / "run.yaml").write_text(yaml.safe_dump(played))
    assert "plays back" in refused(finished.path, "--thorough")
    (finished.path / "run.yaml").write_text(yaml.safe_dump(description))
    for file in (finished.path / "keyframes").glob("*.npz"):
        file.unlink()
    assert "without keyframe files" in refused(finished.path)
