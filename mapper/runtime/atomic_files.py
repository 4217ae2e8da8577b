"""Files and folders that are either whole or not there."""

from __future__ import annotations

import errno
import os
import re
import shutil
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Any, Final

from mapper.errors import DiskFullError, MapperError, OutputError
from mapper.runtime.existing_files import refuse_others

FULL: Final = (errno.ENOSPC, errno.EDQUOT)
REMEDIES: Final = {
    **dict.fromkeys(FULL, "free some space or write elsewhere"),
    errno.ENOENT: "create its folder first",
    errno.ENOTDIR: "a part of the path is a file, not a folder; choose another path",
    errno.EEXIST: "there is a file; choose another path",
    errno.EISDIR: "it is a folder; choose a file name",
    errno.EACCES: "choose a folder that you may write to",
    errno.EPERM: "choose a folder that you may write to",
    errno.EROFS: "the disk is read-only; write elsewhere",
    errno.ENAMETOOLONG: "choose a shorter name",
}
TEMPORARY: Final = re.compile(r"\..+\.[0-9a-f]{12}\.tmp")  # names that temporary_beside gives


def temporary_beside(target: Path) -> Path:
    """A name next to `target` that nobody else has; TEMPORARY matches it."""
    return target.with_name(f".{target.name[:100]}.{uuid.uuid4().hex[:12]}.tmp")


@contextmanager
def atomic_write(path: Path | str, mode: str = "w") -> Iterator[IO[Any]]:
    """An open file, mode "w" (UTF-8) or "wb", that takes the place of `path` at the end.

    It is written next to `path`; a fault leaves what was at `path` and no other trace. Where
    `path` is a link, the link is replaced: what it names stays as it is. Faults of the file system
    are raised as OutputError.
    """
    if mode not in ("w", "wb"):
        raise ValueError(f"mode {mode!r}: atomic_write knows 'w' and 'wb'")
    target = Path(os.path.abspath(path))
    temporary = temporary_beside(target)
    text = {} if mode == "wb" else {"encoding": "utf-8", "newline": "\n"}
    try:
        with open(temporary, mode.replace("w", "x"), **text) as file:  # type: ignore[call-overload]
            yield file
        os.replace(temporary, target)
    except OSError as error:
        raise output_error(path, error) from error
    finally:
        with suppress(OSError):  # on a disk that is read-only, it is not even there
            temporary.unlink()


@contextmanager
def atomic_folder(folder: Path | str, replaces: re.Pattern[str] | None = None) -> Iterator[Path]:
    """A new, empty folder next to `folder` that takes its place at the end.

    A fault leaves no trace, and no message names the folder that is gone by then. `folder` must
    not exist, or be empty, or hold only files that match `replaces`: else OutputError.
    """
    target = Path(folder).absolute()
    if target.exists() and (not target.is_dir() or any(target.iterdir())):
        if replaces is None:
            raise OutputError(f"{folder} exists already; choose another folder or remove it")
        refuse_others(target, replaces)
    temporary = temporary_beside(target)
    try:
        temporary.mkdir(parents=True)
        with named(temporary, Path(folder)):
            yield temporary
        _change_places(temporary, target)
    except OSError as error:
        raise output_error(folder, error) from error
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


@contextmanager
def named(temporary: Path, target: Path) -> Iterator[None]:
    """Faults of what is written into `temporary` name `target`, which the user knows."""
    try:
        yield
    except MapperError as error:
        if str(temporary) not in str(error):
            raise
        raise type(error)(str(error).replace(str(temporary), str(target))) from error


def _change_places(temporary: Path, target: Path) -> None:
    """Let a folder take the place of another, which lies aside for a moment and is then removed."""
    if not (target.is_dir() and any(target.iterdir())):
        os.replace(temporary, target)
        return
    before = temporary_beside(target)
    os.replace(target, before)
    try:
        os.replace(temporary, target)
    except OSError:
        os.replace(before, target)
        raise
    shutil.rmtree(before, ignore_errors=True)


def output_error(path: Path | str, error: OSError) -> OutputError:
    """A fault of the file system while `path` was written, in one line with its remedy."""
    remedy = REMEDIES.get(error.errno or 0, "check the path and the disk")
    kind = DiskFullError if error.errno in FULL else OutputError
    return kind(f"cannot write {path} ({error.strerror or error}); {remedy}")
