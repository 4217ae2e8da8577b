"""The interface by which another package writes a map in a format of its own."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Protocol

from mapper.core.mesh import Mesh
from mapper.core.trajectory import Trajectory


class ExportedMap(Protocol):
    """What an exporter is given; each part is read when it is asked for.

    trajectory, keyframe_trajectory: T_world_camera of all frames that were placed, and of the
    keyframes. mesh: of the whole map, with colours. is_metric: units are metres. name: of the run.
    """

    @property
    def name(self) -> str: ...  # noqa: D102  # above
    @property
    def trajectory(self) -> Trajectory: ...  # noqa: D102  # above
    @property
    def keyframe_trajectory(self) -> Trajectory: ...  # noqa: D102  # above
    @property
    def mesh(self) -> Mesh: ...  # noqa: D102  # above
    @property
    def is_metric(self) -> bool: ...  # noqa: D102  # above


class Exporter(Protocol):
    """A format. name: for --format, that of the entry point. what: it is, for a list. file: its
    name in RUN/export, unless --out says another."""

    name: str
    what: str
    file: str

    def write(self, map: ExportedMap, path: Path) -> Mapping[str, int]:
        """Write it at `path`, whose folder exists and which does not; what was written is told to
        the user as numbers by their names. Raises InputError or OutputError."""
        ...
