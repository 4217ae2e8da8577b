"""Files and folders that are either whole or not there."""

from __future__ import annotations

import errno
import os
import shutil
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, Final

from mapper.errors import OutputError

REMEDIES: Final = {
    errno.ENOSPC: "free some space or write elsewhere",
    errno.EDQUOT: "free some space or write elsewhere",
    errno.ENOENT: "create its folder first",
    errno.ENOTDIR: "a part of the path is a file, not a folder; choose another path",
    errno.EISDIR: "it is a folder; choose a file name",
    errno.EACCES: "choose a folder that you may write to",
    errno.EPERM: "choose a folder that you may write to",
    errno.EROFS: "the disk is read-only; write elsewhere",
    errno.ENAMETOOLONG: "choose a shorter name",
}


@contextmanager
def atomic_write(path: Path | str, mode: str = "w") -> Iterator[IO[Any]]:
    """An open file, mode "w" (UTF-8) or "wb", that takes the place of `path` at the end.

    It is written next to `path`; a fault leaves what was at `path` and no other trace. Faults of
    the file system are raised as OutputError.
    """
    if mode not in ("w", "wb"):
        raise ValueError(f"mode {mode!r}: atomic_write knows 'w' and 'wb'")
    target = Path(os.path.realpath(path))
    temporary = target.with_name(f".{target.name[:100]}.{uuid.uuid4().hex[:12]}.tmp")
    text = {} if mode == "wb" else {"encoding": "utf-8", "newline": "\n"}
    try:
        with open(temporary, mode.replace("w", "x"), **text) as file:  # type: ignore[call-overload]
            yield file
        os.replace(temporary, target)
    except OSError as error:
        raise _output_error(path, error) from error
    finally:
        temporary.unlink(missing_ok=True)


@contextmanager
def atomic_folder(folder: Path | str) -> Iterator[Path]:
    """A new, empty folder next to `folder` that takes its place at the end.

    A fault leaves no trace. `folder` must not exist, or be empty: else OutputError.
    """
    target = Path(folder).absolute()
    if target.exists() and (not target.is_dir() or any(target.iterdir())):
        raise OutputError(f"{folder} exists already; choose another folder or remove it")
    temporary = target.with_name(f".{target.name[:100]}.{uuid.uuid4().hex[:12]}.tmp")
    try:
        temporary.mkdir(parents=True)
        yield temporary
        os.replace(temporary, target)
    except OSError as error:
        raise _output_error(folder, error) from error
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def _output_error(path: Path | str, error: OSError) -> OutputError:
    remedy = REMEDIES.get(error.errno or 0, "check the path and the disk")
    return OutputError(f"cannot write {path} ({error.strerror or error}); {remedy}")
