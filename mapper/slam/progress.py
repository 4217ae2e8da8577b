"""What a person who waits is told while a run goes."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractContextManager
from typing import Protocol

from mapper.runtime.closing import Closing


class Progress(AbstractContextManager["Progress", None], Protocol):
    """Told where the run begins, then after every frame, within its `with` block."""

    def begin(self, done: int) -> None:
        """Frames that an interrupted run had done are not done again."""
        ...

    def update(self, state: str, counts: Mapping[str, int]) -> None:
        """A frame is done. state: of tracking. counts: what there is by now, by its name."""
        ...

    def settling(self) -> None:
        """The frames are done; the last optimisation and the map are not."""
        ...


class NullProgress(Closing):
    """Shows nothing."""

    def __init__(self, total: int | None = None) -> None: ...

    def begin(self, done: int) -> None:
        """Says nothing."""

    def update(self, state: str, counts: Mapping[str, int]) -> None:
        """Says nothing."""

    def settling(self) -> None:
        """Says nothing."""

    def close(self) -> None:
        """Nothing is open."""
