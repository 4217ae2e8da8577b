"""What the place where we print can show: a line that changes, and colours."""

from __future__ import annotations

import os
from typing import Final, Protocol

GREEN: Final = "32"
YELLOW: Final = "33"
RED: Final = "31"


class Stream(Protocol):
    """Where text goes: sys.stdout, sys.stderr."""

    def isatty(self) -> bool:
        """Whether a person looks at it."""
        ...


def can_redraw(stream: Stream) -> bool:
    """Whether a line may be written over itself: on a terminal that is none of the simplest, and
    not in what only looks like one, as the logs of CI do."""
    return stream.isatty() and os.environ.get("TERM") != "dumb" and not os.environ.get("CI")


def coloured(text: str, colour: str, stream: Stream) -> str:
    """In that colour, where there are colours and nobody asks for none (no-color.org)."""
    if not can_redraw(stream) or os.environ.get("NO_COLOR"):
        return text
    return f"\x1b[{colour}m{text}\x1b[0m"
