"""Several recorders are one: all are told, and closed however one of them ends."""

from __future__ import annotations

from typing import Any

import pytest

from mapper.slam.recorder import NullRecorder, Recorders


class Noting(NullRecorder):
    """Notes what it is told."""

    def __init__(self, name: str, told: list[tuple[str, str]], breaks: bool = False) -> None:
        self._name, self._told, self._breaks = name, told, breaks

    def __getattribute__(self, what: str) -> Any:
        if what not in ("frame", "prediction", "update", "finish", "close"):
            return super().__getattribute__(what)

        def note(*_: object) -> None:
            self._told.append((self._name, what))
            if self._breaks:
                raise OSError("the disk is full")

        return note


def test_each_is_told_in_order() -> None:
    told: list[tuple[str, str]] = []
    every: Any = Recorders(Noting("a", told), Noting("b", told))
    every.frame(None, None, "", {})
    every.prediction(None)
    every.update(None, None, None)
    every.finish(None, None)
    calls = ("frame", "prediction", "update", "finish")
    assert told == [(name, call) for call in calls for name in ("a", "b")]


def test_one_that_cannot_be_closed_does_not_keep_the_others_open() -> None:
    told: list[tuple[str, str]] = []
    with pytest.raises(OSError, match="full"):
        Recorders(Noting("a", told), Noting("b", told, breaks=True)).close()
    assert {name for name, what in told if what == "close"} == {"a", "b"}
