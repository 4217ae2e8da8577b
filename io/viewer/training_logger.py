"""Curves of a training in the Rerun viewer."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import rerun as rr
import rerun.blueprint as rrb

from mapper.io.viewer.sinks import Destinations, finish, open_outlets
from mapper.runtime.closing import Closing

GROUPS: Final = ("training", "validation")


class TrainingLogger(Closing):
    """Plots numbers over steps; a context manager. url: of the web viewer, where that is one."""

    def __init__(self, name: str, to: Destinations) -> None:
        """Raises OutputError where no viewer can be started."""
        self._path = to.path
        self._outlets = open_outlets("mapper", name, to)
        self.url = self._outlets.url
        views = [rrb.TimeSeriesView(origin=group, name=group) for group in GROUPS]
        for stream in self._outlets.streams:
            stream.send_blueprint(rrb.Blueprint(rrb.Vertical(*views), collapse_panels=True))

    def add(self, step: int, values: Mapping[str, float]) -> None:
        """One point on each curve; names begin with one of GROUPS and a slash."""
        for stream in self._outlets.streams:
            stream.set_time("step", sequence=step)
            for name, value in values.items():
                stream.log(name, rr.Scalars(value))

    def close(self) -> None:
        """File and viewer have all of it."""
        finish(self._outlets, self._path)
