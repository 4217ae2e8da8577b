"""Recordings of an interrupted run are kept and listed in the order of time."""

from __future__ import annotations

from pathlib import Path

import pytest

from mapper.run.directory import RunDirectory
from mapper.run.recording_parts import recordings, set_recording_aside


@pytest.fixture
def run(tmp_path: Path) -> RunDirectory:
    return RunDirectory.create(tmp_path / "run", False)


def test_the_tenth_part_comes_after_the_second(run: RunDirectory) -> None:
    for _ in range(12):
        run.recording.touch()
        set_recording_aside(run)
    run.recording.touch()
    run.aligned_recording.touch()  # no recording of the mapping
    names = [path.name for path in recordings(run)]
    assert names == [f"run.part{number}.rrd" for number in range(12)] + ["run.rrd"]


def test_no_part_is_overwritten_where_an_older_one_was_deleted(run: RunDirectory) -> None:
    kept = run.path / "run.part1.rrd"
    kept.write_text("kept")
    run.recording.write_text("newer")
    set_recording_aside(run)
    assert kept.read_text() == "kept"
    assert [path.read_text() for path in recordings(run)] == ["kept", "newer"]


def test_without_a_recording_there_is_nothing_to_keep(run: RunDirectory) -> None:
    set_recording_aside(run)
    assert recordings(run) == []
