"""A run directory has one owner, who clears up after the one before."""

from __future__ import annotations

import errno
from pathlib import Path

import pytest

from mapper.errors import DiskFullError, InputError, OutputError
from mapper.run.directory import RunDirectory
from mapper.run.ownership import created, reopened, writing_into
from mapper.run.update import run_update
from mapper.runtime.atomic_files import atomic_write
from tests.support.made_up_records import described


@pytest.fixture
def run(tmp_path: Path) -> RunDirectory:
    run = RunDirectory.create(tmp_path / "run", False)
    run.write_description(described())
    run.journal.write_text("{}\n")
    return run


def test_neither_resume_nor_overwrite_touches_a_run_that_is_written_to(run: RunDirectory) -> None:
    with reopened(run.path):
        before = sorted(run.path.rglob("*"))
        with pytest.raises(OutputError, match="is in use: process"), reopened(run.path):
            pass
        with pytest.raises(OutputError, match="is in use"), created(run.path, True):
            pass
        assert sorted(run.path.rglob("*")) == before
        assert RunDirectory.open(run.path).read_description()  # readers are not locked out


def test_a_new_run_is_owned_from_its_first_file(tmp_path: Path) -> None:
    with (
        created(tmp_path / "a" / "run", False) as run,
        pytest.raises(OutputError, match="in use"),
        created(run.path, False),
    ):
        pass
    assert [path.name for path in run.path.iterdir()] == ["keyframes"]


def test_the_next_owner_removes_what_a_kill_left(run: RunDirectory) -> None:
    names = (".checkpoint.json.0123456789ab.tmp", "keyframes/.000010.npz.0123456789ab.tmp")
    for name in names:
        (run.path / name).write_text("half")
    half = run.path / ".update.0123456789ab.tmp"
    half.mkdir()
    (half / "mesh.ply").write_text("half")
    mine = run.path / ".notes.tmp"
    mine.write_text("mine")
    RunDirectory.open(run.path)
    assert half.exists()  # a reader leaves everything
    with reopened(run.path):
        pass
    left = {path.relative_to(run.path).as_posix() for path in run.path.rglob("*")}
    assert left == {"run.yaml", "journal.jsonl", "keyframes", ".notes.tmp"}


@pytest.mark.parametrize("name", ["journal.jsonl", "keyframes", "run.rrd", "update"])
def test_what_is_written_in_place_must_not_lie_elsewhere(run: RunDirectory, name: str) -> None:
    elsewhere = run.path.parent / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "mesh.ply").write_text("mine")
    path = run.path / name
    path.rmdir() if path.is_dir() else path.unlink(missing_ok=True)
    path.symlink_to(elsewhere)
    with pytest.raises(OutputError, match=f"{name} is a link"), reopened(run.path):
        pass
    RunDirectory.open(run.path)
    assert [file.name for file in elsewhere.iterdir()] == ["mesh.ply"]


def test_there_must_be_a_run_to_own(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no run here"), reopened(tmp_path):
        pass
    assert list(tmp_path.iterdir()) == []


def test_only_who_writes_into_the_run_needs_it(run: RunDirectory) -> None:
    with reopened(run.path):
        with writing_into(run, run.path.parent / "mesh.ply"):
            pass
        inside = run.path / "export" / "colmap"
        with pytest.raises(OutputError, match="in use"), writing_into(run, inside):
            pass


def test_a_full_disk_is_told_of_with_what_to_do_for_a_run(run: RunDirectory) -> None:
    def write() -> None:
        with reopened(run.path), atomic_write(run.mesh):
            raise OSError(errno.ENOSPC, "No space left on device")

    with pytest.raises(OutputError, match=r"mesh\.ply .*free some space, then carry on") as caught:
        write()
    assert "elsewhere" not in str(caught.value)


def test_a_fault_in_an_update_names_the_run_and_not_what_is_gone(run: RunDirectory) -> None:
    def update() -> None:
        with run_update(run.path) as folder:
            (folder / "metrics.json").write_text("{")
            RunDirectory(folder).read_json(folder / "metrics.json")

    with pytest.raises(InputError) as caught:
        update()
    assert str(caught.value).startswith(f"{run.path / 'metrics.json'}: damaged")

    def fill() -> None:
        with run_update(run.path) as folder, atomic_write(folder / "mesh.ply"):
            raise OSError(errno.ENOSPC, "No space left on device")

    with pytest.raises(DiskFullError) as full:
        fill()
    assert f"cannot write {run.mesh} " in str(full.value)
