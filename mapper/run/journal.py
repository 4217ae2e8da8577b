"""The append-only record of a run: one JSON line an event."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from mapper.errors import InputError, OutputError


class Journal:
    """Lines like {"event": "edge", ...}, each flushed at once, so that a kill loses none."""

    def __init__(self, path: Path, keep_bytes: int = 0) -> None:
        """Open for appending after the first `keep_bytes`; what follows them is dropped."""
        self._path = path
        try:
            self._file = path.open("r+b" if path.exists() else "w+b")
            length = self._file.seek(0, os.SEEK_END)
            self._file.truncate(min(keep_bytes, length))
            self._file.seek(keep_bytes)
        except OSError as error:
            raise OutputError(f"{path}: cannot be written: {error.strerror}") from error
        if length < keep_bytes:
            self._file.close()
            raise InputError(
                f"{path}: damaged, {keep_bytes - length} bytes are missing; run the sequence "
                "again with --overwrite"
            )

    def append(self, event: str, **fields: Any) -> None:
        """Write one event with its fields."""
        try:
            self._file.write(json.dumps({"event": event, **fields}).encode() + b"\n")
            self._file.flush()
        except OSError as error:
            raise OutputError(
                f"{self._path}: {error.strerror}; what was mapped so far is kept: free some space "
                "and carry on with --resume"
            ) from error

    @property
    def bytes_written(self) -> int:
        """Length of the file, with which a resume cuts it."""
        return self._file.tell()

    def close(self) -> None:
        """What was written is on disk then. Closing it again changes nothing."""
        if self._file.closed:
            return
        os.fsync(self._file.fileno())
        self._file.close()


def read_journal(
    path: Path, max_bytes: int | None = None, event: str | None = None
) -> list[dict[str, Any]]:
    """All whole lines, of the first max_bytes if given; a line cut off by a kill is left out.

    event: only lines that tell of it. The others are not held: after hours there are many.
    """
    events = () if event is None else (event,)
    return [
        _parsed(path, number, line)
        for number, line, end in whole_lines(path, *events)
        if max_bytes is None or end <= max_bytes
    ]


def whole_lines(path: Path, *events: str) -> Iterator[tuple[int, bytes, int]]:
    """(number from 1, line, bytes up to its end) of each line that tells of one of these events;
    of every line if none is named. Nothing is parsed. None where there is no journal."""
    if not path.exists():
        return
    begins = tuple(json.dumps({"event": event}).encode().removesuffix(b"}") for event in events)
    end = 0
    with open(path, "rb") as file:
        for number, line in enumerate(file, 1):
            end += len(line)
            if line.endswith(b"\n") and (not begins or line.startswith(begins)):
                yield number, line, end


def _parsed(path: Path, number: int, line: bytes) -> dict[str, Any]:
    try:
        return dict(json.loads(line))
    except (ValueError, TypeError) as error:
        raise InputError(
            f"{path}: line {number} is damaged; put a whole copy back, or run the sequence again "
            "into another folder"
        ) from error
