"""mapper diff: what differs between two runs, as a page, a mesh and a file to be read."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np

from mapper.core.geometry import exp_se3
from mapper.io.meshes.mesh_files import read_mesh
from mapper.run.directory import RunDirectory
from mapper.run.records import poses_record
from mapper.saved.map import load_map
from tests.commands.conftest import Command


def test_the_same_map_twice_differs_in_nothing(
    mapped: Path, tmp_path: Path, command: Command
) -> None:
    again = Path(shutil.copytree(mapped, tmp_path / "again"))
    code, said, _ = command("diff", mapped, again, "--out", tmp_path / "diff", "--json")
    found = json.loads(said)
    assert code == 0 and found["appeared"] == [] and found["vanished"] == []
    assert found["units"] == "metres" and found["world"] == mapped.name
    assert len(read_mesh(tmp_path / "diff/diff.ply").faces) > 1000
    assert "Nothing of 10 cm or more differs" in (tmp_path / "diff/diff.html").read_text()
    assert json.loads((tmp_path / "diff/diff.json").read_text())["min_size"] == 0.1
    code, _, error = command("diff", mapped, again, "--out", tmp_path / "diff")
    assert code == 2 and "exists already" in error


def elsewhere(run: Path, folder: Path) -> Path:
    """The same run in another world, 40 cm beside."""
    moved = RunDirectory.open(Path(shutil.copytree(run, folder)))
    saved = load_map(moved)
    T = exp_se3(np.array([0, 0, 0, 0.4, 0, 0]))
    saved = replace(saved, poses={k: T @ S for k, S in saved.poses.items()})
    with moved.journal.open("a", encoding="utf-8") as journal:
        journal.write(json.dumps({"event": "poses", **poses_record(saved)}) + "\n")
    return folder


def test_coordinates_are_taken_at_their_word_only_where_they_are_of_one_world(
    mapped: Path, tmp_path: Path, command: Command
) -> None:
    beside = elsewhere(mapped, tmp_path / "beside")

    def differing(*more: str) -> int:
        out = tmp_path / f"diff{len(more)}"
        code, said, _ = command("diff", mapped, beside, "--out", out, "--json", *more)
        found = json.loads(said)
        assert code == 0
        return min(len(found["appeared"]), len(found["vanished"]))

    assert differing() == 0
    assert differing("--same-world") > 0


def test_worlds_of_different_units_are_not_one(
    mapped: Path, tmp_path: Path, command: Command
) -> None:
    unknown = Path(shutil.copytree(mapped, tmp_path / "unknown"))
    for name, metric, other in (
        ("journal.jsonl", '"is_metric": true', '"is_metric": false'),
        ("run.yaml", "units: metres", "units: units"),
    ):
        text = (unknown / name).read_text()
        assert metric in text
        (unknown / name).write_text(text.replace(metric, other))
    diff = ("diff", mapped, unknown, "--out", tmp_path / "diff", "--same-world")
    code, _, error = command(*diff)
    assert code == 2 and "one of the runs is in metres and the other is not" in error


def test_a_run_is_not_compared_with_itself(mapped: Path, tmp_path: Path, command: Command) -> None:
    code, _, error = command("diff", mapped, mapped, "--out", tmp_path / "diff")
    assert code == 2 and "named twice" in error
