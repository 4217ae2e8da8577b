"""The coverage of a run, folder by folder."""

from __future__ import annotations

from coverage_by_folder import table


def test_files_are_summed_up_by_folder() -> None:
    files = {
        "backend/loops/linker.py": (30, 40),
        "backend/loops/covisibility.py": (10, 40),
        "backend/loops/__init__.py": (0, 0),
        "frontends/vggt/cache/pages.py": (5, 10),
        "frontends/vggt/network.py": (10, 10),
        "mapper/commands/__init__.py": (0, 0),
    }
    assert [line.split() for line in table(files).splitlines()] == [
        ["FOLDER", "LINES", "RAN"],
        ["backend/loops", "80", "50%"],
        ["frontends/vggt", "20", "75%"],
        ["all", "100", "55%"],
    ]
