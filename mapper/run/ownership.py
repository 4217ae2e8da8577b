"""A run directory has one owner: who writes into it holds its lock, and readers need none."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path
from typing import Final

from mapper.errors import DiskFullError, OutputError
from mapper.run.contents import refuse_links, sweep
from mapper.run.directory import RunDirectory
from mapper.run.update import finish_update
from mapper.runtime.atomic_files import FULL, output_error
from mapper.runtime.folder_lock import folder_lock

RESUME: Final = "what was mapped so far is kept: free some space, then carry on with --resume"
DISK: Final = (*FULL, errno.EROFS)
AGAIN: Final = "the run is as it was: free some space, then do this again"


@contextmanager
def created(path: Path, overwrite: bool) -> Iterator[RunDirectory]:
    """A new, empty run directory of our own; of a former run only with `overwrite`."""
    path = path.resolve() if path.is_symlink() else path  # what it names is replaced
    try:
        path.mkdir(parents=True, exist_ok=True)
    except FileExistsError as error:
        raise OutputError(f"{path} is a file; choose another folder with --out") from error
    except OSError as error:
        raise OutputError(
            f"{path}: cannot be made ({error.strerror}); choose another folder with --out"
        ) from error
    with _owned(path, RESUME):
        yield RunDirectory.create(path, overwrite)


@contextmanager
def reopened(path: Path, when_full: str = RESUME) -> Iterator[RunDirectory]:
    """An existing run of our own, to be written into. when_full: what to do about a full disk."""
    RunDirectory.check(path)
    refuse_links(path)
    with _owned(path, when_full):
        sweep(path)
        finish_update(path)
        yield RunDirectory.check(path)


def writing_into(run: RunDirectory, out: Path) -> AbstractContextManager[object]:
    """What a command needs that reads a run and writes `out`: the run too, if `out` lies in it."""
    if run.path.resolve() not in Path(out).resolve().parents:
        return nullcontext()
    return reopened(run.path, AGAIN)


@contextmanager
def _owned(path: Path, when_full: str) -> Iterator[None]:
    """Hold the lock; a full disk is told of with the remedy that holds for a run."""
    with folder_lock(path):
        try:
            yield
        except DiskFullError as error:
            raise _told(error, when_full) from error
        except OSError as error:  # of what is not written by way of mapper.runtime.atomic_files
            if error.errno not in DISK:
                raise
            fault = output_error(error.filename or path, error)
            raise _told(fault, when_full) from error


def _told(error: OutputError, when_full: str) -> OutputError:
    if not isinstance(error, DiskFullError):
        return error
    written, _, _ = str(error).rpartition("; ")
    return OutputError(f"{written}; {when_full}")
