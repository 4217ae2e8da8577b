"""The line that a person watches while a run goes."""

from __future__ import annotations

from types import TracebackType
from typing import Protocol

from tqdm import tqdm

from mapper.slam.mapper import Mapper


class Progress(Protocol):
    """Told where the run begins, then after every frame."""

    def begin(self, done: int) -> None: ...
    def __enter__(self) -> Progress: ...
    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None: ...
    def update(self, mapper: Mapper) -> None: ...


class ProgressBar:
    """Frames done, frames a second, tracking state, keyframes and loops, on a terminal."""

    def __init__(self, total: int) -> None:
        self._bar = tqdm(total=total, unit=" frames", disable=None, dynamic_ncols=True, leave=False)
        self._loops = 0

    def begin(self, done: int) -> None:
        """Frames that an interrupted run had done are not done again."""
        self._bar.initial = self._bar.n = done

    def __enter__(self) -> ProgressBar:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._bar.close()

    def update(self, mapper: Mapper) -> None:
        loops = sum(d.accepted for d in list(mapper.decisions))
        state = "loop closed" if loops > self._loops else mapper.state.value
        self._loops = loops
        self._bar.set_postfix_str(
            f"{state}, {len(mapper.backend.keyframes)} keyframes, {loops} loops", refresh=False
        )
        self._bar.update()


class NullProgress:
    """Shows nothing."""

    def begin(self, done: int) -> None: ...

    def __enter__(self) -> NullProgress:
        return self

    def __exit__(self, *_: object) -> None: ...

    def update(self, mapper: Mapper) -> None: ...
