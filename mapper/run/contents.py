"""What mapper writes into a run directory, by name; all else in it is the user's."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Final

from mapper.errors import OutputError
from mapper.run.update import UPDATE
from mapper.runtime.atomic_files import TEMPORARY
from mapper.runtime.folder_lock import LOCK

DESCRIPTION: Final = "run.yaml"
# In the order in which they are removed: what says that the run is complete, then what a resume
# reads, so that a kill in between leaves a run that starts anew.
FILES: Final = (
    "metrics.json",
    "checkpoint.json",
    "journal.jsonl",
    "trajectory.txt",
    "trajectory_keyframes.txt",
    "groundtruth.txt",
    "mesh.ply",
    "cloud.ply",
    "run.rrd",
    "run.aligned.rrd",
    "report.html",
    "frame_times.json",
    "alignment.json",
    "eval.json",
    "check.json",
    "priors.json",
)
PARTS: Final = re.compile(r"run\.part\d+\.rrd")
FOLDERS: Final = {
    "keyframes": re.compile(r"\d{6,}\.npz"),
    "predictions": re.compile(r"\d{6,}-\d{3,}\.npz"),
}
KNOWN: Final = (*FILES, *FOLDERS, DESCRIPTION, LOCK)
IN_PLACE: Final = ("journal.jsonl", "run.rrd", *FOLDERS, UPDATE)  # these are not replaced whole


def remove_own(path: Path) -> None:
    """Remove what mapper wrote into the run at `path`, but for run.yaml, and nothing else.

    Of a link the link alone is removed. Raises OSError.
    """
    names = [*FILES, *(file.name for file in path.iterdir() if PARTS.fullmatch(file.name))]
    for name in names:
        (path / name).unlink(missing_ok=True)
    for name, pattern in FOLDERS.items():
        folder = path / name
        if folder.is_symlink():
            folder.unlink()
        elif folder.is_dir():
            for file in folder.iterdir():
                if pattern.fullmatch(file.name):
                    file.unlink()
            with suppress(OSError):  # the user's own is in it
                folder.rmdir()


def foreign(path: Path) -> list[str]:
    """Names of what is in the folder `path` and is not mapper's, sorted."""
    return sorted(_foreign(path))


def is_left_over(path: Path) -> bool:
    """Whether the folder holds only what a run leaves that was killed before it began."""
    return all(
        entry.name == LOCK
        or TEMPORARY.fullmatch(entry.name)
        or (entry.name in FOLDERS and entry.is_dir() and not any(entry.iterdir()))
        for entry in path.iterdir()
    )


def sweep(path: Path) -> None:
    """Remove the temporary files that kills have left in the run at `path`."""
    for folder in (path, *(path / name for name in FOLDERS)):
        if folder.is_symlink() or not folder.is_dir():
            continue
        for entry in folder.iterdir():
            if not TEMPORARY.fullmatch(entry.name):
                continue
            if entry.is_dir() and not entry.is_symlink():
                shutil.rmtree(entry, ignore_errors=True)
            else:
                with suppress(OSError):
                    entry.unlink()


def refuse_links(path: Path) -> None:
    """Raise OutputError where writing into the run at `path` would write elsewhere."""
    for name in IN_PLACE:
        if (path / name).is_symlink():
            raise OutputError(
                f"{path / name} is a link, and mapper writes into the run alone; put what it "
                "names in its place"
            )


def _foreign(path: Path) -> Iterator[str]:
    for entry in path.iterdir():
        name = entry.name
        if name in FOLDERS and entry.is_dir() and not entry.is_symlink():
            inside = (file.name for file in entry.iterdir())
            yield from (f"{name}/{file}" for file in inside if not FOLDERS[name].fullmatch(file))
        elif not (name in KNOWN or PARTS.fullmatch(name) or TEMPORARY.fullmatch(name)):
            yield name
