"""Files of a run directory that change together: all of them or none."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from mapper.errors import OutputError
from mapper.runtime.atomic_files import atomic_folder, named

UPDATE: Final = "update"


@contextmanager
def run_update(path: Path) -> Iterator[Path]:
    """A new folder whose files take the place of those of the same names in the run at `path`.

    An empty file stands for one that the run is to lose. Until the end the run stays as it was,
    whatever happens; from then on the new files are on disk, and if the process is killed while
    they change places, finish_update does the rest.
    """
    finish_update(path)
    with atomic_folder(path / UPDATE) as folder, named(folder, path):
        yield folder
    finish_update(path)


def finish_update(path: Path) -> None:
    """Move what a killed update left in the run at `path` to its place; mostly there is nothing."""
    folder = path / UPDATE
    if folder.is_symlink() or not folder.is_dir():
        return
    try:
        for file in sorted(folder.iterdir()):
            if file.stat().st_size:
                os.replace(file, path / file.name)
            else:
                (path / file.name).unlink(missing_ok=True)
                file.unlink()
        folder.rmdir()
    except OSError as error:
        raise OutputError(
            f"{folder}: its files cannot take their places in the run ({error.strerror}); "
            "make the run writable, then align it again"
        ) from error
