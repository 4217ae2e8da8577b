"""Cases are read from their READMEs, and what they do otherwise is named."""

from __future__ import annotations

from pathlib import Path

import pytest
from cases import Case, found, missing


def case(folder: Path, name: str, lines: str) -> Case:
    (folder / name).mkdir()
    (folder / name / "README.md").write_text(f"# {name}\n\nRight: as below\n\n```\n{lines}\n```\n")
    return Case.at(folder / name)


@pytest.mark.parametrize(
    ("wanted", "fault"),
    [
        ("", None),
        ("8 OF 8", None),
        ("9 of 9", "it does not say '9 of 9'"),
        ("9 of 9, or: placed", None),
        ("8 of 8, then lost", "it does not say 'lost'"),
        ("not: lost, then placed", None),
        ("not: placed", "it says 'placed'"),
    ],
)
def test_what_must_be_printed(wanted: str, fault: str | None) -> None:
    assert list(missing(wanted, "8 of 8 frames Placed")) == ([fault] if fault else [])


def test_a_right_case_has_no_fault_and_leaves_its_folder_alone(tmp_path: Path) -> None:
    (tmp_path / "_base").mkdir()
    (tmp_path / "_base" / "word").write_text("placed")
    lines = "prepare: cp ../_base/word input\ncmd: cat input\nexit: 0\ncontains: placed\n"
    right = case(tmp_path, "right", lines + "check: test -f input    (exit 0 = right)")
    assert list(right.faults()) == []
    assert [path.name for path in (tmp_path / "right").iterdir()] == ["README.md"]


@pytest.mark.parametrize(
    ("lines", "fault"),
    [
        ("cmd: false", "exit 1 instead of"),
        ("cmd: true\ncontains: placed", "does not say"),
        ("cmd: echo placed\nexit: 2\ncontains: placed", "exit 0 instead of"),
        ("cmd: true\ncheck: false", "the check ended with 1"),
        ("prepare: false\ncmd: true", "prepare ended with 1"),
        ("cmd: echo 'Traceback (most recent call last)'", "a traceback"),
        ("cmd: exit 2\nexit: 0 or 2\ncontains: with exit 0: a; with exit 2: b", "say 'b'"),
    ],
)
def test_each_fault_is_named(lines: str, fault: str, tmp_path: Path) -> None:
    (only,) = case(tmp_path, "wrong", lines).faults()
    assert fault in only


def test_both_statuses_are_right_with_their_own_words(tmp_path: Path) -> None:
    told = "exit: 0 or 2\ncontains: with exit 0: placed; with exit 2: twice, or: duplicate"
    for name, command in (("a", "echo placed"), ("b", "echo duplicate; exit 2")):
        assert list(case(tmp_path, name, f"cmd: {command}\n{told}").faults()) == []


def test_cases_are_found_by_name(tmp_path: Path) -> None:
    for name in ("b", "a", "c"):
        case(tmp_path, name, "cmd: true")
    (tmp_path / "_base").mkdir()
    assert [each.folder.name for each in found(tmp_path, [], ["c"])] == ["a", "b"]
    assert [each.folder.name for each in found(tmp_path, ["c"], [])] == ["c"]
