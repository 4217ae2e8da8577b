"""The one rule for what a command is to write where there is something already."""

from __future__ import annotations

import os
import re
from pathlib import Path

from mapper.errors import OutputError


def make_way(path: Path, overwrite: bool, folder_of: re.Pattern[str] | None = None) -> None:
    """Refuse what exists before the work is done rather than after it, and make its folder.

    Only with `overwrite` a file is written over, the user's or ours: its name was given. A folder
    is replaced only where all files in it match `folder_of`, relative to it, as those do which
    the command wrote there earlier. An empty one is as good as none. Raises OutputError.
    """
    if os.path.lexists(path) and not (folder_of and _is_empty(path)):
        if not overwrite:
            raise OutputError(
                f"{path} exists already; replace it with --overwrite, or choose another name"
            )
        if folder_of is not None:
            refuse_others(path, folder_of)
        elif path.is_dir():
            raise OutputError(f"{path} is a folder; choose another name")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(
            f"{path.parent}: cannot be made ({error.strerror}); choose another name"
        ) from error


def refuse_others(folder: Path, own: re.Pattern[str]) -> None:
    """Raise OutputError where a folder, or what stands in its place, holds any other file."""
    if folder.is_symlink() or not folder.is_dir():
        raise OutputError(f"{folder} is no folder; choose another name")
    for file in sorted(folder.rglob("*")):
        name = file.relative_to(folder).as_posix()
        if (file.is_symlink() or not file.is_dir()) and not own.fullmatch(name):
            raise OutputError(
                f"{folder} holds {name}, which is not of an export, and is left alone; choose "
                "another name"
            )


def _is_empty(path: Path) -> bool:
    return path.is_dir() and not path.is_symlink() and not any(path.iterdir())
