"""What a check found, as check.json and as a section of the run's report."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np

from mapper.checking.words import measured_rows
from mapper.errors import InputError
from mapper.report.rendering import render
from mapper.run.directory import RunDirectory
from mapper.runtime.atomic_files import atomic_write

RECORD: Final = "check.json"
BEGIN: Final = "<!-- check -->"
END: Final = "<!-- end of check -->"
BEFORE: Final = "<section>"  # the first of a report: what stands there moves on
PICTURED: Final = 4  # places whose views are shown


def write_check(run: RunDirectory, found: Mapping[str, Any]) -> list[Path]:
    """Write both; returns the files. found: see check_record."""
    files = [run.path / RECORD]
    run.write_json(files[0], dict(found))
    if run.report.exists():
        page = with_section(run.report.read_text(encoding="utf-8"), section(run, found))
        with atomic_write(run.report) as file:
            file.write(page)
        files.append(run.report)
    return files


def section(run: RunDirectory, found: Mapping[str, Any]) -> str:
    """The part of the page, with the views of the worst places."""
    places: Sequence[Mapping[str, Any]] = found["look_at"]
    looks = [
        (place, _pictures(run, place["keyframes"]) if number < PICTURED else [])
        for number, place in enumerate(places)
    ]
    return render("check.html", found=found, looks=looks, rows=measured_rows(found))


def with_section(page: str, part: str) -> str:
    """A report with this part, in the place of that of an earlier check."""
    before, begin, rest = page.partition(BEGIN)
    if begin:
        _, _, after = rest.partition(f"{END}\n")
        return f"{before}{BEGIN}\n{part}\n{END}\n{after}"
    before, first, after = page.partition(BEFORE)
    if not first:
        return page
    return f"{before}{BEGIN}\n{part}\n{END}\n{first}{after}"


def _pictures(run: RunDirectory, keyframes: Sequence[int]) -> list[np.ndarray]:
    """Of keyframes whose files can be read."""
    try:
        return [run.keyframes.load_image(keyframe_id) for keyframe_id in keyframes]
    except InputError:
        return []
