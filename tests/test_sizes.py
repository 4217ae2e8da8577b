"""Files that fit a head and folders that fit a screen."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

from tests.support.imports import ROOMS, modules
from tests.support.paths import ROOT

LINES = 300
FILES = 20
LONGER: dict[str, int] = {}
FULLER: dict[str, int] = {}
SOURCES = [path for top in ("mapper", *ROOMS, "tools", "tests") for path in modules(top)]


def name(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def test_files_are_short() -> None:
    lengths = {name(path): path.read_bytes().count(b"\n") for path in SOURCES}
    assert {path: lines for path, lines in lengths.items() if lines > LINES} == LONGER


def test_folders_are_small() -> None:
    counts = Counter(name(path.parent) for path in SOURCES if path.name != "__init__.py")
    full = {folder: count for folder, count in counts.items() if count > FILES}
    assert full.keys() == FULLER.keys()
    assert all(count <= FULLER[folder] for folder, count in full.items())
