"""Makes sure that one process at a time writes into a folder.

The operating system keeps the lock and takes it back when the process ends, however it ends: what
a kill leaves of the file is no obstacle.
"""

from __future__ import annotations

import errno
import logging
import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import datetime
from pathlib import Path
from typing import Final

from mapper.errors import OutputError
from mapper.runtime.atomic_files import output_error

if sys.platform == "win32":
    import msvcrt
else:
    import fcntl

logger = logging.getLogger(__name__)

LOCK: Final = ".lock"
PAUSE_S: Final = 0.02  # between two attempts
BEYOND: Final = 1 << 30  # on Windows a locked byte cannot be read: take one that is not there
UNKNOWN: Final = (errno.ENOLCK, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS)
TAKEN: Final = (errno.EWOULDBLOCK, errno.EAGAIN, errno.EACCES, errno.EDEADLK)


class FolderInUseError(OutputError):
    """Somebody else writes into the folder."""


@contextmanager
def folder_lock(folder: Path, patience: float = 0.0) -> Iterator[None]:
    """Hold the lock of an existing folder; FolderInUseError where another holds it.

    patience: seconds to wait for it. The file is there while the lock is held, with the process
    and the time in it, for people.
    """
    file = folder / LOCK
    descriptor = _acquired(file, time.monotonic() + patience)
    try:
        _sign(descriptor)
        yield
    finally:
        _release(file, descriptor)


def _acquired(file: Path, deadline: float) -> int:
    """The open file whose lock is held."""
    while True:
        descriptor = _opened(file)
        try:
            if _locked(file, descriptor):
                return descriptor
            holder = _holder(descriptor)
        except BaseException:
            os.close(descriptor)
            raise
        os.close(descriptor)
        if time.monotonic() >= deadline:
            raise FolderInUseError(
                f"{file.parent} is in use: {holder} writes into it; wait until that is done, or "
                "choose another folder"
            )
        time.sleep(PAUSE_S)


def _opened(file: Path) -> int:
    flags = os.O_RDWR | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_BINARY", 0)
    try:
        return os.open(file, flags, 0o644)
    except OSError as error:
        if error.errno == errno.ELOOP:
            raise OutputError(f"{file} is a link; remove it") from error
        raise output_error(file.parent, error) from error


def _locked(file: Path, descriptor: int) -> bool:
    """Whether the lock is ours now, and of the file that the next one will look at."""
    try:
        if sys.platform == "win32":
            os.lseek(descriptor, BEYOND, os.SEEK_SET)
            msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
        else:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        if error.errno in UNKNOWN:
            logger.warning("%s: this disk knows no locks; let no other mapper write here", file)
            return True
        if error.errno in TAKEN:
            return False
        raise output_error(file, error) from error
    try:
        return os.path.samestat(os.fstat(descriptor), os.stat(file))
    except FileNotFoundError:  # who held it before has just removed it
        return False


def _sign(descriptor: int) -> None:
    text = f"process {os.getpid()} since {datetime.now():%Y-%m-%d %H:%M:%S}"
    with suppress(OSError):  # a full disk: nobody can be told who it is
        os.ftruncate(descriptor, 0)
        os.lseek(descriptor, 0, os.SEEK_SET)
        os.write(descriptor, text.encode())


def _holder(descriptor: int) -> str:
    """Who holds it, as far as that is known."""
    with suppress(OSError, ValueError):
        os.lseek(descriptor, 0, os.SEEK_SET)
        text = os.read(descriptor, 100).decode()
        if text.startswith("process ") and text.isprintable():
            return text
    return "another process"


def _release(file: Path, descriptor: int) -> None:
    """Removed before it is let go: whoever opened it in between finds that it is another file."""
    if sys.platform == "win32":
        with suppress(OSError):
            os.lseek(descriptor, BEYOND, os.SEEK_SET)
            msvcrt.locking(descriptor, msvcrt.LK_UNLCK, 1)
        os.close(descriptor)
        with suppress(OSError):
            file.unlink()
        return
    with suppress(OSError):
        file.unlink()
    os.close(descriptor)
