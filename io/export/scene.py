"""What COLMAP and Nerfstudio are given of a map."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from mapper.core.intrinsics import Intrinsics
from mapper.core.mesh import Mesh
from mapper.core.trajectory import Trajectory
from mapper.errors import InputError
from mapper.io.export.images import Image


@dataclass(frozen=True, slots=True)
class Scene:
    """trajectory: poses of the keyframes. images: one for each of them. intrinsics: of all images.
    cloud: its vertices are the points."""

    trajectory: Trajectory
    images: Iterable[Image]
    intrinsics: Intrinsics
    cloud: Mesh

    def __post_init__(self) -> None:
        if not len(self.trajectory):
            raise InputError("there are no keyframes to export; did the run fail?")
