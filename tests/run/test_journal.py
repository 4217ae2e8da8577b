"""The journal keeps every whole line through a kill."""

from __future__ import annotations

from pathlib import Path

import pytest

from mapper.errors import InputError, OutputError
from mapper.run.journal import Journal, read_journal, whole_lines


def written(path: Path, count: int = 3) -> list[int]:
    """A journal of `count` lines; the length in bytes after each."""
    journal = Journal(path)
    lengths = []
    for number in range(count):
        journal.append("step", number=number)
        lengths.append(journal.bytes_written)
    journal.close()
    return lengths


def test_lines_come_back_as_they_were_written(tmp_path: Path) -> None:
    path = tmp_path / "journal.jsonl"
    written(path)
    assert read_journal(path) == [{"event": "step", "number": n} for n in range(3)]


def test_floats_come_back_bit_for_bit(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "j")
    journal.append("pose", T=[0.1 + 0.2, 1e-300, 1 / 3])
    journal.close()
    assert read_journal(tmp_path / "j")[0]["T"] == [0.1 + 0.2, 1e-300, 1 / 3]


def test_a_line_is_on_disk_before_the_next_begins(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "j")
    journal.append("step", number=0)
    assert len(read_journal(tmp_path / "j")) == 1
    assert (tmp_path / "j").stat().st_size == journal.bytes_written
    journal.close()


def test_a_cut_off_last_line_is_left_out(tmp_path: Path) -> None:
    path = tmp_path / "j"
    lengths = written(path)
    for cut in range(lengths[1], lengths[2]):
        path.write_bytes(path.read_bytes()[: lengths[2]])
        content = path.read_bytes()
        (tmp_path / "cut").write_bytes(content[:cut])
        assert len(read_journal(tmp_path / "cut")) == 2


def test_lines_of_one_event_are_found_among_others(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "j")
    for event in ("edge", "edges", "edge"):
        journal.append(event, of=event)
    journal.close()
    assert read_journal(tmp_path / "j", event="edge") == [{"event": "edge", "of": "edge"}] * 2
    lines = [line for _, line, _ in whole_lines(tmp_path / "j", "edges", "pose")]
    assert lines == [b'{"event": "edges", "of": "edges"}\n']


def test_reading_stops_after_the_bytes_asked_for(tmp_path: Path) -> None:
    lengths = written(tmp_path / "j")
    assert len(read_journal(tmp_path / "j", lengths[0])) == 1
    assert len(read_journal(tmp_path / "j", lengths[1] - 1)) == 1
    assert read_journal(tmp_path / "j", 0) == []


def test_reopening_keeps_the_part_asked_for_and_appends_there(tmp_path: Path) -> None:
    path = tmp_path / "j"
    lengths = written(path)
    journal = Journal(path, keep_bytes=lengths[0])
    assert journal.bytes_written == lengths[0]
    journal.append("other")
    journal.close()
    assert [line["event"] for line in read_journal(path)] == ["step", "other"]


def test_a_new_journal_drops_the_old_one(tmp_path: Path) -> None:
    written(tmp_path / "j")
    Journal(tmp_path / "j").close()
    assert read_journal(tmp_path / "j") == []


def test_a_missing_journal_is_an_empty_one(tmp_path: Path) -> None:
    assert read_journal(tmp_path / "nothing") == []


def test_a_journal_shorter_than_promised_is_damaged(tmp_path: Path) -> None:
    lengths = written(tmp_path / "j")
    with pytest.raises(InputError, match="damaged"):
        Journal(tmp_path / "j", keep_bytes=lengths[-1] + 10)


def test_a_line_of_garbage_is_named(tmp_path: Path) -> None:
    written(tmp_path / "j")
    content = (tmp_path / "j").read_bytes().splitlines(keepends=True)
    (tmp_path / "j").write_bytes(content[0] + b"\x00\x00{\n" + content[2])
    with pytest.raises(InputError, match="line 2"):
        read_journal(tmp_path / "j")


def test_a_folder_in_its_place_cannot_be_written(tmp_path: Path) -> None:
    with pytest.raises(OutputError):
        Journal(tmp_path)
