"""What COLMAP and Nerfstudio are given of a map."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import PurePosixPath
from typing import Final

import numpy as np

from mapper.core.intrinsics import Intrinsics
from mapper.core.mesh import Mesh
from mapper.errors import InputError
from mapper.io.georeference.crs import MapCrs

SUFFIXES: Final = (".jpg", ".png")


@dataclass(frozen=True, slots=True, eq=False)
class ExportedImage:
    """One image of a scene; its pixels are loaded when they are written, one image at a time.

    name: relative, with forward slashes, such as left/frame_000012.jpg; .jpg or .png.
    T_world_camera: float64 (4, 4), OpenCV axes. intrinsics: of the image as it is written.
    load: uint8 (H, W, 3), RGB. depth: float32 (H, W), z in the world's units, 0 = no reading.
    mask: bool (H, W), False = not to be used. None = there is none.
    """

    name: str
    T_world_camera: np.ndarray
    intrinsics: Intrinsics
    load: Callable[[], np.ndarray]
    depth: Callable[[], np.ndarray] | None = None
    mask: Callable[[], np.ndarray] | None = None


@dataclass(frozen=True, slots=True, eq=False)
class TrackedPoints:
    """Points and where they are seen; an observation is a row of the last three arrays.

    xyz: float64 (N, 3), world. rgb: uint8 (N, 3). errors: float64 (N,), mean reprojection error
    in pixels. image: int (M,), the place of the image in the scene. point: int (M,), the row of
    the point, increasing. xy: float64 (M, 2), pixels of the image as it is exported, the first
    one's centre at (0, 0).
    """

    xyz: np.ndarray
    rgb: np.ndarray
    errors: np.ndarray
    image: np.ndarray
    point: np.ndarray
    xy: np.ndarray

    def __post_init__(self) -> None:
        if np.any(np.diff(self.point) < 0):
            raise ValueError("observations must be in the order of their points")


@dataclass(frozen=True, slots=True, eq=False)
class Scene:
    """images: in the order in which they were taken. cloud: its vertices are points without
    tracks. tracked: points with tracks, which COLMAP then gets in place of the cloud. place: the
    coordinate system in whose local coordinates all of it is; None = the map's own world."""

    images: Sequence[ExportedImage]
    cloud: Mesh
    tracked: TrackedPoints | None = None
    place: MapCrs | None = None

    def __post_init__(self) -> None:
        if not self.images:
            raise InputError("there are no images with a pose to export; did the run fail?")
        names = [image.name for image in self.images]
        if len(set(names)) != len(names):
            raise InputError("two images of an export have the same name; give each its own")
        for name in names:
            path = PurePosixPath(name)
            if path.suffix not in SUFFIXES:
                raise InputError(f"{name}: an exported image ends in {' or '.join(SUFFIXES)}")
            if path.is_absolute() or ".." in path.parts:
                raise InputError(f"{name}: an exported image lies inside the export's folder")


def placed_scene(scene: Scene, place: MapCrs) -> Scene:
    """A scene of the map's world in local coordinates of a system."""
    poses = place.local_poses(np.array([image.T_world_camera for image in scene.images]))
    images = [
        replace(image, T_world_camera=T) for image, T in zip(scene.images, poses, strict=True)
    ]
    tracked = scene.tracked
    if tracked is not None:
        tracked = replace(tracked, xyz=place.local(tracked.xyz))
    return Scene(images, place.local_mesh(scene.cloud), tracked, place)


def distinct_cameras(scene: Scene) -> tuple[list[Intrinsics], list[int]]:
    """The cameras of a scene, each once, and for each image the place of its own."""
    numbers: dict[Intrinsics, int] = {}
    places = [numbers.setdefault(image.intrinsics, len(numbers)) for image in scene.images]
    return list(numbers), places
