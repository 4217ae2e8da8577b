"""The program's own log lines, in the recording beside what they are about."""

from __future__ import annotations

import logging
from collections.abc import Callable


class RecordingHandler(logging.Handler):
    """Hands on what the package logs, as (text, level), between open() and close()."""

    def __init__(self, event: Callable[[str, str], None]) -> None:
        super().__init__()
        self._event = event

    def open(self) -> None:
        """Listen to the log of mapper."""
        logging.getLogger("mapper").addHandler(self)

    def emit(self, record: logging.LogRecord) -> None:
        """Pass one record on."""
        level = "ERROR" if record.levelno >= logging.ERROR else record.levelname
        self._event(f"{record.name}: {record.getMessage()}", level)

    def close(self) -> None:
        """Listen no longer."""
        logging.getLogger("mapper").removeHandler(self)
        super().close()
