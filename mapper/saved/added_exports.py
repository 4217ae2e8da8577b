"""A run in the formats that other packages bring: entry points of the group `mapper.exporters`."""

from __future__ import annotations

from functools import cached_property
from pathlib import Path
from typing import Any, cast

from mapper.core.mesh import Mesh
from mapper.core.trajectory import Trajectory
from mapper.errors import InputError, MapperError
from mapper.io.export.exporter import Exporter
from mapper.run.directory import RunDirectory
from mapper.runtime.plugins import EXPORTERS, find_plugin
from mapper.saved.map import load_map
from mapper.saved.results import load_mesh, load_trajectories


def added_exporter(name: str) -> Exporter:
    """The one of an entry point that there is. Raises ConfigError where it is broken."""
    return cast(Exporter, find_plugin(EXPORTERS, name))


class RunMap:
    """A run as an ExportedMap."""

    def __init__(self, run: RunDirectory, quiet: bool = False) -> None:
        self._run, self._quiet = run, quiet
        self.name = run.path.resolve().name

    @cached_property
    def _trajectories(self) -> tuple[Trajectory, Trajectory]:
        return load_trajectories(self._run)

    @property
    def trajectory(self) -> Trajectory:
        """Of all frames that were placed."""
        return self._trajectories[0]

    @property
    def keyframe_trajectory(self) -> Trajectory:
        """Of the keyframes."""
        return self._trajectories[1]

    @cached_property
    def mesh(self) -> Mesh:
        """The run's; fused here where it has none."""
        return load_mesh(self._run, load_map(self._run), self._quiet)

    @cached_property
    def is_metric(self) -> bool:
        """By its frontend, or by what it is tied to."""
        saved = load_map(self._run)
        return saved.is_metric or all(keyframe.is_metric for keyframe in saved.keyframes)


def export_by_plugin(name: str, run: RunDirectory, path: Path, quiet: bool) -> dict[str, Any]:
    """What it says it wrote. Raises InputError, with its name, for whatever it fails over."""
    exporter = added_exporter(name)
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        return dict(exporter.write(RunMap(run, quiet), path))
    except MapperError:
        raise
    except Exception as error:  # a stranger's code may raise anything
        told = " ".join(f"{type(error).__name__}: {error}".split())[:160]
        raise InputError(f"the exporter {name!r} of another package failed: {told}") from error
