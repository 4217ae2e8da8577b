"""mapper eval: figures that agree with the library's, and no zero for a failed run."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from mapper.core.trajectory import Trajectory
from mapper.evaluate.metrics.trajectory import evaluate
from mapper.io.trajectory_files import read_tum, write_tum
from mapper.run.directory import RunDirectory
from mapper.run.ownership import reopened


def test_it_writes_and_prints_what_evaluate_computes(finished: RunDirectory, command) -> None:
    code, out, _ = command("eval", finished.path, "--json")
    assert code == 0
    expected = evaluate(
        read_tum(finished.trajectory), read_tum(finished.ground_truth), expected_frames=80
    ).to_dict()
    result = json.loads(out)
    assert result["frames"] == expected
    assert result["keyframes"]["expected_poses"] == len(read_tum(finished.keyframe_trajectory))
    assert json.loads((finished.path / "eval.json").read_text()) == result
    assert 0 < expected["ate_se3"]["rmse"] < 0.02


def test_the_table_has_a_column_each_for_frames_and_keyframes(
    finished: RunDirectory, command
) -> None:
    code, out, _ = command("eval", finished.path)
    lines = out.splitlines()
    assert code == 0
    assert lines[2].split() == ["all", "frames", "keyframes"]
    assert "80 of 80" in lines[3]
    assert len({line.rstrip()[:24].rstrip() for line in lines[3:13]}) == 10
    assert all(len(line) <= 54 for line in lines[2:13])


def test_a_map_twice_too_large_shows_in_the_scale(finished: RunDirectory, command) -> None:
    truth = read_tum(finished.ground_truth)
    half = truth.T_world_camera.copy()
    half[:, :3, 3] *= 0.5
    path = finished.path / "half.txt"
    write_tum(path, Trajectory(truth.timestamps, half))
    _, out, _ = command("eval", finished.path, "--ground-truth", path, "--json")
    errors = json.loads(out)["frames"]
    assert errors["ate_sim3"]["scale"] == pytest.approx(0.5, abs=0.01)
    assert errors["ate_se3"]["rmse"] > 5 * errors["ate_sim3"]["rmse"]


def test_a_killed_run_is_judged_by_its_journal_and_the_whole_sequence(
    killed: RunDirectory, sample: Path, command
) -> None:
    code, out, _ = command(
        "eval", killed.path, "--ground-truth", sample / "groundtruth.txt", "--json"
    )
    errors = json.loads(out)["frames"]
    assert code == 0
    assert errors["matched_poses"] == errors["expected_poses"] == 80
    assert errors["ate_se3"]["rmse"] < 0.02


def test_a_run_without_ground_truth_is_told_how_to_name_one(killed: RunDirectory, command) -> None:
    code, out, err = command("eval", killed.path)
    assert (code, out) == (2, "")
    assert "groundtruth.txt" in err and "--ground-truth" in err and err.count("\n") == 1


def test_a_run_that_placed_nothing_is_an_error_and_not_a_zero(
    finished: RunDirectory, command
) -> None:
    empty = Trajectory(np.zeros(0), np.zeros((0, 4, 4)))
    write_tum(finished.trajectory, empty)
    write_tum(finished.keyframe_trajectory, empty)
    code, out, err = command("eval", finished.path)
    assert (code, out) == (2, "")
    assert "0 poses" in err
    assert not (finished.path / "eval.json").exists()


def test_too_few_keyframes_leave_the_frames_judged(finished: RunDirectory, command) -> None:
    keyframes = read_tum(finished.keyframe_trajectory)
    write_tum(
        finished.keyframe_trajectory,
        Trajectory(keyframes.timestamps[:2], keyframes.T_world_camera[:2]),
    )
    code, out, _ = command("eval", finished.path)
    assert code == 0
    assert "keyframes alone: not judged" in out and "80 of 80" in out


@pytest.mark.parametrize("content", ["", "# nothing\n", "1 2 3\n"])
def test_ground_truth_that_cannot_be_used_is_named(
    finished: RunDirectory, tmp_path: Path, command, content: str
) -> None:
    path = tmp_path / "truth.txt"
    path.write_text(content)
    code, _, err = command("eval", finished.path, "--ground-truth", path)
    assert code == 2 and "truth.txt" in err


def test_a_folder_that_is_no_run_is_refused(tmp_path: Path, command) -> None:
    code, _, err = command("eval", tmp_path)
    assert code == 2 and "no run here" in err


def test_figures_are_shown_but_not_written_while_another_owns_the_run(
    finished: RunDirectory, command
) -> None:
    with reopened(finished.path):
        code, out, err = command("eval", finished.path)
        assert code == 2 and "ATE" in out and "is in use" in err
    assert not (finished.path / "eval.json").exists()


def test_a_camera_that_stood_still_has_a_spread_and_no_ate(finished: RunDirectory, command) -> None:
    truth = read_tum(finished.ground_truth)
    path = finished.path / "tripod.txt"
    still = np.tile(truth.T_world_camera[0], (len(truth), 1, 1))
    write_tum(path, Trajectory(truth.timestamps, still))
    code, out, _ = command("eval", finished.path, "--ground-truth", path)
    assert code == 0 and "stood still" in out and "spread" in out and "drift" in out
    assert "ATE" not in out.replace("no ATE", "")
    errors = json.loads((finished.path / "eval.json").read_text())["frames"]
    way = read_tum(finished.trajectory).positions
    assert errors["spread_translation"] == pytest.approx(np.sqrt(way.var(axis=0).sum()), rel=0.2)
