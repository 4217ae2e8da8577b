"""A killed run leaves a valid map, and --resume arrives where the run would have."""

from __future__ import annotations

import json
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from mapper.cli import main
from mapper.core.geometry import inverse
from mapper.io.trajectory_files import read_tum
from mapper.run.directory import RunDirectory
from mapper.run.journal import read_journal
from mapper.saved.map import load_map
from tests.support.room_views import WALK

COARSE = ["--set", "backend.fusion.tsdf.voxel_size=0.06"]
KILL_AFTER_KEYFRAMES = 12
MILLIMETRE = 1e-3


def command(sample: Path, out: Path, *more: str) -> list[str]:
    return ["run", str(sample), "--out", str(out), *more]


def start(arguments: list[str]) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-m", "mapper", *arguments],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
    )


@pytest.fixture(scope="module")
def whole(sample: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run that nobody interrupted."""
    out = tmp_path_factory.mktemp("whole") / "run"
    assert main(command(sample, out, *COARSE)) == 0
    return out


@pytest.fixture(scope="module")
def killed(sample: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What SIGKILL leaves of a run in the middle."""
    out = tmp_path_factory.mktemp("killed") / "run"
    save_often = ["--set", "recording.save_interval=0"]
    process = start(command(sample, out, *COARSE, *save_often))
    deadline = time.monotonic() + 300
    try:
        while len(list(out.glob("keyframes/*.npz"))) < KILL_AFTER_KEYFRAMES:
            assert process.poll() is None, process.stderr and process.stderr.read()
            assert time.monotonic() < deadline
            time.sleep(0.002)
    finally:
        process.kill()
        process.communicate()
    assert process.returncode == -signal.SIGKILL
    return out


@pytest.fixture(scope="module")
def resumed(sample: Path, killed: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the killed run, carried on to its end."""
    out = tmp_path_factory.mktemp("resumed") / "run"
    shutil.copytree(killed, out)
    assert main(command(sample, out, "--resume")) == 0
    return out


def keyframe_indices(run: Path) -> list[int]:
    lines = read_journal(run / "journal.jsonl")
    return [line["frames"][0][0] for line in lines if line["event"] == "keyframe"]


def test_the_killed_run_was_in_the_middle(killed: Path, whole: Path) -> None:
    assert 5 < len(keyframe_indices(killed)) < len(keyframe_indices(whole))
    assert not (killed / "metrics.json").exists()


def test_a_kill_leaves_a_valid_trajectory_and_a_map(killed: Path, whole: Path) -> None:
    trajectory = read_tum(killed / "trajectory.txt")
    assert 10 < len(trajectory) < WALK
    assert (np.diff(trajectory.timestamps) > 0).all()
    expected = read_tum(whole / "trajectory.txt")
    np.testing.assert_array_equal(trajectory.timestamps, expected.timestamps[: len(trajectory)])
    # Before the loop has closed the map is off by its drift, a few centimetres at most.
    off = np.linalg.norm(trajectory.positions - expected.positions[: len(trajectory)], axis=1)
    assert off.max() < 0.05
    saved = load_map(RunDirectory.open(killed))
    assert [k.frame_index for k in saved.keyframes] == keyframe_indices(killed)


def test_resuming_arrives_at_the_same_keyframes(resumed: Path, whole: Path) -> None:
    assert keyframe_indices(resumed) == keyframe_indices(whole)
    ids = [line["id"] for line in read_journal(resumed / "journal.jsonl") if "frames" in line]
    assert ids == list(range(len(ids)))


def test_resuming_arrives_at_the_same_poses(resumed: Path, whole: Path) -> None:
    found, expected = read_tum(resumed / "trajectory.txt"), read_tum(whole / "trajectory.txt")
    np.testing.assert_array_equal(found.timestamps, expected.timestamps)
    off = np.linalg.norm(found.positions - expected.positions, axis=1)
    assert off.max() < MILLIMETRE
    relative = inverse(found.T_world_camera) @ expected.T_world_camera
    cosines = (np.trace(relative[:, :3, :3], axis1=1, axis2=2) - 1) / 2
    assert np.degrees(np.arccos(np.clip(cosines, -1, 1))).max() < 0.05


def test_resuming_counts_every_frame_once(resumed: Path, whole: Path) -> None:
    one, other = (json.loads((run / "metrics.json").read_text()) for run in (resumed, whole))
    for key in ("frames", "tracked", "lost", "skipped", "keyframes", "complete"):
        assert one[key] == other[key], key
    assert one["frames"] == WALK
    assert one["mesh_vertices"] == pytest.approx(other["mesh_vertices"], rel=0.01)


def test_both_parts_of_the_recording_are_kept(resumed: Path) -> None:
    assert (resumed / "run.rrd").stat().st_size > 1000
    assert (resumed / "run.part0.rrd").exists()


def test_a_cut_off_journal_line_makes_no_difference(
    sample: Path, killed: Path, resumed: Path, tmp_path: Path
) -> None:
    out = tmp_path / "run"
    shutil.copytree(killed, out)
    with (out / "journal.jsonl").open("ab") as file:
        file.write(b'{"event": "edge", "i": 3, "T_i')
    assert main(command(sample, out, "--resume")) == 0
    for name in ("trajectory.txt", "journal.jsonl"):
        assert (out / name).read_bytes() == (resumed / name).read_bytes()


def test_resuming_a_complete_run_changes_nothing(
    sample: Path, whole: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = {p: (p.stat().st_mtime_ns, p.stat().st_size) for p in whole.rglob("*")}
    assert main(command(sample, whole, "--resume")) == 0
    assert "complete" in capsys.readouterr().out
    assert {p: (p.stat().st_mtime_ns, p.stat().st_size) for p in whole.rglob("*")} == before


def test_another_sequence_is_refused(
    sample: Path, killed: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = (killed / "journal.jsonl").read_bytes()
    assert main(command(sample, killed, "--resume", "--max-frames", "100")) == 2
    assert "made with --max-frames" in capsys.readouterr().err
    assert (killed / "journal.jsonl").read_bytes() == before


def test_other_settings_are_refused(
    sample: Path, killed: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = (killed / "journal.jsonl").read_bytes()
    more = ["--resume", "--set", "backend.fusion.tsdf.voxel_size=0.03"]
    assert main(command(sample, killed, *more)) == 2
    assert "other settings" in capsys.readouterr().err
    assert (killed / "journal.jsonl").read_bytes() == before


def test_there_must_be_a_run_to_resume(
    sample: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(command(sample, tmp_path / "nothing", "--resume")) == 2
    assert "no run here" in capsys.readouterr().err


def test_a_run_killed_before_its_first_keyframe_starts_over(sample: Path, tmp_path: Path) -> None:
    short, out = tmp_path / "short", tmp_path / "run"
    assert main(command(sample, short, *COARSE, "--max-frames", "30")) == 0
    (out / "keyframes").mkdir(parents=True)
    shutil.copy(short / "run.yaml", out)
    assert main(command(sample, out, "--resume")) == 0
    assert len(keyframe_indices(short)) > 2
    assert keyframe_indices(out) == keyframe_indices(short)
