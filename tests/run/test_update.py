"""Files of a run change together: all of them or none, wherever the process ends."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from mapper.errors import OutputError
from mapper.run.update import finish_update, run_update

OLD = {"kept.txt": "old", "mesh.ply": "old", "metrics.json": "old", "stale.json": "old"}
NEW = {"kept.txt": "old", "mesh.ply": "new", "metrics.json": "new", "report.html": "new"}


@pytest.fixture
def run(tmp_path: Path) -> Path:
    (tmp_path / "keyframes").mkdir()
    for name, content in OLD.items():
        (tmp_path / name).write_text(content)
    return tmp_path


def write_new(folder: Path) -> None:
    for name in ("mesh.ply", "metrics.json", "report.html"):
        (folder / name).write_text("new")
    (folder / "stale.json").touch()


def contents(run: Path) -> dict[str, str]:
    """Of all that is in the run; "" stands for a folder."""
    return {path.name: path.read_text() if path.is_file() else "" for path in run.iterdir()}


def test_new_files_take_their_places_and_empty_ones_take_away(run: Path) -> None:
    with run_update(run) as folder:
        write_new(folder)
        assert contents(run).items() >= OLD.items()
    assert contents(run) == {**NEW, "keyframes": ""}


def test_a_fault_leaves_the_run_as_it_was(run: Path) -> None:
    def fail_half_way() -> None:
        with run_update(run) as folder:
            write_new(folder)
            raise RuntimeError("half way")

    with pytest.raises(RuntimeError, match="half way"):
        fail_half_way()
    assert contents(run) == {**OLD, "keyframes": ""}


@pytest.mark.parametrize("moved", range(1, 4))
def test_what_a_kill_left_half_done_is_finished(
    run: Path, monkeypatch: pytest.MonkeyPatch, moved: int
) -> None:
    """One move makes the folder whole, the others take the three files to their places."""
    moves = iter(range(moved))
    real = os.replace

    def replace_until_killed(source: Path, target: Path) -> None:
        if next(moves, None) is None:
            raise KeyboardInterrupt
        real(source, target)

    def update_until_killed() -> None:
        with run_update(run) as folder:
            write_new(folder)
            monkeypatch.setattr(os, "replace", replace_until_killed)

    with pytest.raises(KeyboardInterrupt):
        update_until_killed()
    monkeypatch.undo()
    assert contents(run) != {**NEW, "keyframes": ""}
    finish_update(run)
    assert contents(run) == {**NEW, "keyframes": ""}


def test_there_is_mostly_nothing_to_finish(run: Path) -> None:
    finish_update(run)
    assert contents(run) == {**OLD, "keyframes": ""}


def test_a_place_that_cannot_be_taken_is_one_error(run: Path) -> None:
    (run / "report.html").mkdir()
    with pytest.raises(OutputError, match="cannot take their places"), run_update(run) as folder:
        write_new(folder)
