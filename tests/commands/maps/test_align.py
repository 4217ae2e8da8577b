"""mapper align: better poses and a new map for a run that is there already."""

from __future__ import annotations

import io
import json
import shutil
from collections.abc import Callable
from contextlib import redirect_stdout
from pathlib import Path

import numpy as np
import pytest

from mapper.cli import main
from mapper.io.meshes.mesh_files import read_mesh
from mapper.io.trajectory_files import read_tum
from mapper.run.directory import RunDirectory
from tests.support.shared_folder import made_once

FAST = ("--set", "alignment.width=160", "--set", "alignment.device=cpu")


@pytest.fixture(scope="session")
def aligned_once(mapped: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The run that all tests look at, aligned once; what the command printed lies beside it."""

    def align(path: Path) -> None:
        shutil.copytree(mapped, path)
        with redirect_stdout(io.StringIO()) as printed:
            assert main(["align", str(path), *FAST, "--json"]) == 0
        path.with_suffix(".json").write_text(printed.getvalue())

    return made_once(tmp_path_factory, "aligned", align)


@pytest.fixture
def aligned(aligned_once: Path, tmp_path: Path) -> RunDirectory:
    """A run that was aligned, to write into."""
    return RunDirectory.open(Path(shutil.copytree(aligned_once, tmp_path / "aligned")))


def test_a_run_is_aligned_and_its_files_are_new(
    finished: RunDirectory, aligned: RunDirectory, aligned_once: Path
) -> None:
    summary = json.loads(aligned_once.with_suffix(".json").read_text())
    alignment = summary["alignment"]
    assert alignment["left_out"] == [] and alignment["matches"] > 100
    for name in ("trajectory", "mesh"):
        assert getattr(aligned, name).read_bytes() != getattr(finished, name).read_bytes()
    assert len(read_tum(aligned.trajectory)) == len(read_tum(finished.trajectory))
    # The sequence is 0.1 m a second of noisy but metric depth: a centimetre is more than enough.
    assert summary["evaluation"]["ate_se3"]["rmse"] < 0.02
    assert json.loads((aligned.path / "alignment.json").read_text()) == alignment


def test_twice_gives_the_same_poses(aligned: RunDirectory, command) -> None:
    first = read_tum(aligned.trajectory)
    code, out, _ = command("align", aligned.path, *FAST)
    assert code == 0 and "keyframes aligned over" in out and str(aligned.mesh) in out
    np.testing.assert_allclose(
        read_tum(aligned.trajectory).T_world_camera, first.T_world_camera, atol=1e-6
    )


def test_a_killed_run_is_aligned_like_a_finished_one(
    aligned: RunDirectory, killed: RunDirectory, command
) -> None:
    assert command("align", killed.path, *FAST)[0] == 0
    whole, rest = read_tum(aligned.keyframe_trajectory), read_tum(killed.keyframe_trajectory)
    # The last keyframe is in the journal of both.
    np.testing.assert_allclose(rest.T_world_camera, whole.T_world_camera, atol=2e-3)
    assert killed.mesh.exists() and killed.cloud.exists()


def test_the_mesh_command_takes_up_the_corrections(
    finished: RunDirectory, aligned: RunDirectory, tmp_path: Path, command
) -> None:
    paths = tmp_path / "before.ply", tmp_path / "after.ply"
    for run, path in zip((finished, aligned), paths, strict=True):
        assert command("mesh", run.path, "--voxel-size", 0.02, "--out", path)[0] == 0
    own, before, after = (read_mesh(path) for path in (aligned.mesh, *paths))
    ours, theirs = (np.unique(m.vertices.round(3), axis=0) for m in (after, own))
    assert after.faces.shape == own.faces.shape and len(ours) == pytest.approx(
        len(theirs), rel=1e-3
    )
    np.testing.assert_allclose(ours.mean(0), theirs.mean(0), atol=1e-3)
    assert before.vertices.shape != after.vertices.shape


def test_a_damaged_keyframe_is_named_and_its_frames_stay(
    finished: RunDirectory, command, cut: Callable[[Path], None], caplog: pytest.LogCaptureFixture
) -> None:
    frames = len(read_tum(finished.trajectory))
    cut(finished.keyframes.path(1))
    code, out, _ = command("align", finished.path, *FAST)
    assert code == 0 and "left out, unreadable: keyframes 1" in out
    assert "000001.npz" in caplog.text
    assert len(read_tum(finished.trajectory)) == frames


def test_the_mesh_command_leaves_out_what_alignment_left_out(
    finished: RunDirectory, command, cut: Callable[[Path], None]
) -> None:
    cut(finished.keyframes.path(1))
    code, _, err = command("mesh", finished.path)
    assert code == 2 and "mapper align" in err
    command("align", finished.path, *FAST)
    assert command("mesh", finished.path, "--voxel-size", 0.04)[0] == 0


def test_a_failed_alignment_leaves_the_run_as_it_was(
    finished: RunDirectory, command, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise RuntimeError("Indeterminate linear system")

    monkeypatch.setattr("mapper.backend.alignment.alignment.align_globally", fail)
    paths = (finished.trajectory, finished.mesh, finished.journal)
    before = [path.read_bytes() for path in paths]
    code, _, err = command("align", finished.path, *FAST)
    assert code == 2 and "left as it was" in err
    assert [path.read_bytes() for path in paths] == before


def test_a_run_without_keyframes_is_refused(killed: RunDirectory, command) -> None:
    killed.journal.write_text("")
    code, _, err = command("align", killed.path)
    assert code == 2 and "fewer than two keyframes" in err and err.count("\n") == 1


def test_a_journal_of_another_version_is_one_line(killed: RunDirectory, command) -> None:
    killed.journal.write_text(killed.journal.read_text().replace('"units"', '"unit"'))
    code, _, err = command("align", killed.path)
    assert code == 2 and "another version" in err and err.count("\n") == 1


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ("alignment.rounds=0", "rounds"),
        ("alignment.nonsense=1", "nonsense"),
        ("alignment.residual=both", "residual"),
    ],
)
def test_settings_that_make_no_sense_are_refused(
    finished: RunDirectory, command, change: str, message: str
) -> None:
    code, _, err = command("align", finished.path, "--set", change)
    assert code == 2 and message in err


def test_a_folder_that_is_no_run_is_refused(tmp_path: Path, command) -> None:
    code, _, err = command("align", tmp_path)
    assert code == 2 and "no run here" in err
