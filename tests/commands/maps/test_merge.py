"""mapper merge: runs in, one run out that every other command reads; or a line why not."""

from __future__ import annotations

import json
import pickle
import shutil
from pathlib import Path

import numpy as np
import pytest
import yaml

from mapper.backend.sessions.encounters import EncounterSearch
from mapper.backend.sessions.meeting import meeting
from mapper.io.trajectory_files import read_tum
from mapper.merging.keyframe_store import MergedKeyframes
from mapper.merging.meeting_runs import PairOfRuns, common_features, compared, maps_of
from mapper.merging.merge import merging_config
from mapper.merging.sessions import opened_runs
from mapper.pipeline import map_into
from mapper.request import RunRequest
from mapper.run.directory import RunDirectory
from mapper.saved.map import load_graph, load_map
from mapper.saved.results import fuse_again, fusion_config
from tests.commands.conftest import FRAMES, Command
from tests.support.shared_folder import made_once

START, COUNT = 50, 50  # frames of the second run


@pytest.fixture(scope="session")
def second(sample: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of the walk that begins within the first one and goes on behind it."""

    def run(out: Path) -> None:
        request = RunRequest(
            sequence=sample, out=out, start=START, max_frames=COUNT, save_recording=False
        )
        map_into(request)

    return made_once(tmp_path_factory, "second", run)


@pytest.fixture
def merged(mapped: Path, second: Path, tmp_path: Path, command: Command) -> RunDirectory:
    out = tmp_path / "merged"
    code, said, _ = command("merge", mapped, second, "--out", out)
    assert code == 0 and f"frames {FRAMES} to {FRAMES + COUNT - 1}" in said
    return RunDirectory.open(out)


def test_a_merged_run_is_a_run(merged: RunDirectory, mapped: Path, command: Command) -> None:
    metrics = merged.read_json(merged.metrics)
    assert metrics["complete"] and metrics["frames"] == FRAMES + COUNT
    assert metrics["ate_rmse"] < 0.02  # the truth of both is that of one sequence
    trajectory = read_tum(merged.trajectory)
    assert (np.diff(trajectory.timestamps) > 0).all()  # the second's times collided
    first = read_tum(mapped / "trajectory.txt")
    np.testing.assert_allclose(trajectory.positions[:FRAMES], first.positions, atol=0.02)
    before, after = (session["seconds"] for session in metrics["sessions"])
    assert before == 0 and after >= 1
    keyframes, edges = load_graph(merged)
    assert {k.segment for k in keyframes} == {0, 1} and edges
    saved = load_map(merged)
    np.testing.assert_allclose(saved.trajectory()[1].positions, trajectory.positions, atol=1e-6)
    again, _ = fuse_again(merged, saved, fusion_config(merged), quiet=True)
    assert len(again.vertices) == metrics["mesh_vertices"]
    assert "merged of others" in merged.report.read_text()
    assert command("eval", merged.path)[0] == 0
    assert command("export", merged.path, "--format", "tum")[0] == 0
    code, said, _ = command("align", merged.path, "--json")
    aligned = json.loads(said)
    assert code == 0 and aligned["ate_rmse"] < 0.02 and aligned["tracked"] == FRAMES + COUNT


def test_an_interrupted_run_can_be_merged(
    killed: RunDirectory, second: Path, tmp_path: Path, command: Command
) -> None:
    code, said, _ = command("merge", second, killed.path, "--out", tmp_path / "C", "--json")
    metrics = json.loads(said)
    assert code == 0 and [s["name"] for s in metrics["sessions"]] == [second.name, "killed"]
    assert metrics["ate_rmse"] < 0.02


def test_a_worker_finds_what_is_found_here(mapped: Path, second: Path) -> None:
    """It shares nothing but the runs' folders, and what it says is sent."""
    runs = opened_runs([mapped, second])
    config = merging_config(runs)
    maps = maps_of(runs, MergedKeyframes(runs), config)
    matcher = common_features(runs, maps)
    search = EncounterSearch(maps, config.loops, config.edges, matcher)
    here = meeting((0, 1), runs[0].session, runs[1].session, search)
    paths, shifts = (mapped, second), (runs[0].shift, runs[1].shift)
    order = pickle.loads(pickle.dumps(PairOfRuns((0, 1), paths, shifts, config)))
    there = pickle.loads(pickle.dumps(compared(order)))
    assert here.agreement.is_enough and there.encounters.decisions == here.encounters.decisions
    for ours, theirs in zip(here.agreement.edges, there.agreement.edges, strict=True):
        assert (ours.i, ours.j) == (theirs.i, theirs.j)
        np.testing.assert_allclose(ours.S_i_j, theirs.S_i_j, atol=1e-9)


def without_keyframes(run: Path, tmp_path: Path) -> Path:
    bare = Path(shutil.copytree(run, tmp_path / "bare"))
    shutil.rmtree(bare / "keyframes")
    return bare


def of_another_version(run: Path, tmp_path: Path) -> Path:
    other = Path(shutil.copytree(run, tmp_path / "other"))
    journal = other / "journal.jsonl"
    journal.write_text(journal.read_text().replace('"median_depth"', '"depth"'))
    return other


def of_a_later_version(run: Path, tmp_path: Path) -> Path:
    later = Path(shutil.copytree(run, tmp_path / "later"))
    description = yaml.safe_load((later / "run.yaml").read_text())
    description["versions"]["mapper"] = "99.0"
    (later / "run.yaml").write_text(yaml.safe_dump(description))
    return later


def test_bad_input_is_one_line_and_leaves_nothing(
    mapped: Path, second: Path, tmp_path: Path, command: Command
) -> None:
    there = Path(shutil.copytree(second, tmp_path / "there"))
    wrong = {
        "named twice": (mapped, mapped),
        "holds the same as": (mapped, shutil.copytree(mapped, tmp_path / "copy")),
        "made by mapper 99.0": (mapped, of_a_later_version(second, tmp_path)),
        "two runs at least": (mapped,),
        "keyframe files are gone": (mapped, without_keyframes(second, tmp_path)),
        "another version of mapper": (of_another_version(second, tmp_path), mapped),
        "no run here": (mapped, tmp_path / "nothing"),
    }
    for fault, runs in wrong.items():
        code, _, error = command("merge", *runs, "--out", tmp_path / "out")
        assert code == 2 and fault in error and len(error.strip().splitlines()) == 1, fault
        assert not (tmp_path / "out").exists()
    code, _, error = command("merge", mapped, second, "--out", there)
    assert code == 2 and "exists: replace it with --overwrite" in error
    code, _, error = command("merge", mapped, there, "--out", there, "--overwrite")
    assert code == 2 and "one of the runs" in error


def test_runs_that_do_not_overlap_are_refused_with_reasons(
    mapped: Path, sample: Path, tmp_path: Path, command: Command
) -> None:
    far = tmp_path / "far"
    map_into(RunRequest(sequence=sample, out=far, start=130, max_frames=24, save_recording=False))
    code, _, error = command("merge", mapped, far, "--out", tmp_path / "out")
    assert code == 2 and "does not overlap" in error and "pairs of keyframes" in error
    assert not (tmp_path / "out").exists()
