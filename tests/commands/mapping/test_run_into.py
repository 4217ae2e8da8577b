"""mapper run --into: an old map grows, or stays as it was."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import pytest

import mapper.into
from mapper.core.geometry import inverse
from mapper.into import SESSION, spread
from mapper.io.trajectory_files import read_tum
from mapper.run.directory import RunDirectory


def contents(run: RunDirectory) -> dict[str, bytes]:
    return {
        str(path.relative_to(run.path)): path.read_bytes()
        for path in sorted(run.path.rglob("*"))
        if path.is_file() and path.name != ".lock"
    }


def test_frames_are_looked_at_from_the_ends_inwards() -> None:
    assert list(spread(5, 9)) == [0, 4, 2, 1, 3]
    assert list(spread(1, 3)) == [0] and list(spread(100, 3)) == [0, 99, 49]
    assert len(set(spread(1000, 40))) == 40


def test_a_walk_goes_on_in_the_map_of_another_and_a_kill_loses_nothing(
    finished: RunDirectory, sample: Path, tmp_path: Path, command, monkeypatch
) -> None:
    before, out = contents(finished), tmp_path / "both"
    line = ("run", sample, "--start", "50", "--stride", "2", "--max-frames", "30", "--no-save-rrd")
    into = ("--into", finished.path, "--out", out)

    def stopped(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(mapper.into, "merge_runs", stopped)
        assert command(*line, *into)[0] == 130
    assert contents(finished) == before and not out.exists()

    code, told, err = command(*line, *into, "--resume", "--json")
    assert code == 0, err
    metrics = json.loads(told)
    assert metrics["is_joined"] and metrics["frames"] == 80 + 30
    assert contents(finished) == before
    joined, alone = read_tum(out / "trajectory.txt"), read_tum(finished.trajectory)
    assert len(joined) == 110
    for k in (0, 40, 79):  # the old map's world
        off = inverse(alone.T_world_camera[k]) @ joined.T_world_camera[k]
        assert np.linalg.norm(off[:3, 3]) < 0.01
    for k in range(10):  # frames that both have seen
        off = inverse(alone.T_world_camera[50 + 2 * k]) @ joined.T_world_camera[80 + k]
        assert np.linalg.norm(off[:3, 3]) < 0.02
    assert (tmp_path / f"both{SESSION}" / "metrics.json").exists()


def test_a_sequence_that_never_finds_itself_is_refused_before_it_is_mapped(
    finished: RunDirectory, tmp_path: Path, command
) -> None:
    before, elsewhere = contents(finished), tmp_path / "elsewhere"
    elsewhere.mkdir()
    rng = np.random.default_rng(3)
    for k in range(4):
        image = cv2.GaussianBlur(rng.integers(0, 255, (240, 320, 3), np.uint8), (0, 0), 1.5)
        cv2.imwrite(str(elsewhere / f"{k}.png"), image)
    code, _, err = command("run", elsewhere, "--into", finished.path)
    assert code == 2 and "never finds itself" in err and err.count("\n") == 1
    assert contents(finished) == before
    assert sorted(p.name for p in tmp_path.iterdir()) == ["elsewhere", "finished"]


def test_the_old_map_is_not_replaced(finished: RunDirectory, sample: Path, command) -> None:
    code, _, err = command("run", sample, "--into", finished.path, "--out", finished.path)
    assert code == 2 and "stays as it is" in err


@pytest.mark.parametrize("missing", ["none", "empty"])
def test_without_a_map_there_is_nothing_to_go_on_in(
    sample: Path, tmp_path: Path, command, missing: str
) -> None:
    (tmp_path / "empty").mkdir()
    code, _, err = command("run", sample, "--into", tmp_path / missing)
    assert code == 2 and "no run here" in err
