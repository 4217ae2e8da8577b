"""A map whose origin on the Earth is known, in a projected coordinate system (extra `crs`)."""

from __future__ import annotations

import importlib
import json
import warnings
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

import numpy as np

from mapper.core.mesh import Mesh
from mapper.core.pose_readings import GeoOrigin
from mapper.errors import ConfigError, InputError
from mapper.runtime.atomic_files import atomic_write

FILE: Final = "crs.json"
HEIGHTS: Final = "metres above the ellipsoid of WGS 84, as the receiver's altitudes were taken"
ROUND_M: Final = 100.0  # an offset that a person can type; float32 holds the rest to 0.1 mm
STEP_M: Final = 1.0  # across which the axes' directions are measured
CHUNK: Final = 1 << 18  # points at once
STRETCH: Final = 0.01  # of a system in which surveyors measure lengths; UTM's is 0.0004 to 0.001


@dataclass(frozen=True, slots=True, eq=False)
class MapCrs:
    """Takes a map's east-north-up coordinates into a projected system, in metres.

    code: such as EPSG:32632. name: what it is called. offset: (3,), whole hundreds of metres near
    the map's origin; local coordinates are those of the system less it. accuracy_m: of the change
    of datum, by the EPSG data set; None = not told. system: pyproj's. to_geodetic, to_projected:
    pyproj's transformers, longitude first.
    """

    code: str
    name: str
    offset: np.ndarray
    accuracy_m: float | None
    system: Any
    to_geodetic: Any
    to_projected: Any

    def coordinates(self, points: np.ndarray) -> np.ndarray:
        """float64 (N, 3): easting, northing and height of points (N, 3) of the map's world.

        InputError where the system has no coordinates for one.
        """
        parts = [self._of(points[start : start + CHUNK]) for start in range(0, len(points), CHUNK)]
        found = np.concatenate(parts) if parts else np.zeros((0, 3))
        if not np.isfinite(found).all():
            raise InputError(f"{self.code} ({self.name}) has no coordinates for a part of the map")
        return found

    def local(self, points: np.ndarray) -> np.ndarray:
        """float64 (N, 3): coordinates less the offset."""
        return self.coordinates(points) - self.offset

    def _of(self, points: np.ndarray) -> np.ndarray:
        longitudes, latitudes, heights = self.to_geodetic.transform(*points.astype(float).T)
        x, y = self.to_projected.transform(longitudes, latitudes)
        return np.stack([x, y, heights], axis=1)

    def local_poses(self, T_world_camera: np.ndarray) -> np.ndarray:
        """(N, 4, 4): poses in local coordinates.

        North of the grid is not quite north, and nowhere the same: each camera turns as the axes
        do where it stands.
        """
        poses = T_world_camera.copy()
        places = T_world_camera[:, :3, 3]
        poses[:, :3, :3] = self._turns(places) @ T_world_camera[:, :3, :3]
        poses[:, :3, 3] = self.local(places)
        return poses

    def poses(self, T_world_camera: np.ndarray) -> np.ndarray:
        """(N, 4, 4): poses in the system's own coordinates."""
        poses = self.local_poses(T_world_camera)
        poses[:, :3, 3] += self.offset
        return poses

    def _turns(self, points: np.ndarray) -> np.ndarray:
        """R_system_world (N, 3, 3): the rotation nearest to how the axes lie at each point."""
        left, _, right = np.linalg.svd(self._axes(points))
        return np.asarray(left @ right)

    def _axes(self, points: np.ndarray) -> np.ndarray:
        """(N, 3, 3): in its columns, where a metre along each axis of the map's world leads."""
        steps = STEP_M * np.eye(3)
        columns = [self.coordinates(points + d) - self.coordinates(points - d) for d in steps]
        return np.stack(columns, axis=2) / (2 * STEP_M)

    def refuse_distorted(self) -> None:
        """ConfigError where the map would be mirrored, or no metre be a metre."""
        axes = self._axes(np.zeros((1, 3)))[0]
        if np.linalg.det(axes) < 0:
            raise ConfigError(
                f"--crs {self.code}: the axes of {self.name} would mirror the map; choose one "
                "whose axes are east and north"
            )
        lengths = np.linalg.svd(axes)[1]
        worst = lengths[np.argmax(np.abs(np.log(lengths)))]
        if abs(np.log(worst)) > STRETCH:
            raise ConfigError(
                f"--crs {self.code}: a metre at the map's place is {worst:.2f} units of "
                f"{self.name}, in which no lengths can be measured; choose a UTM zone"
            )

    def local_mesh(self, mesh: Mesh) -> Mesh:
        """In local coordinates; normals turn as the axes do in the middle of it."""
        if not len(mesh.vertices):
            return mesh
        turn = self._turns(mesh.vertices.astype(float).mean(0, keepdims=True))[0]
        return replace(
            mesh,
            vertices=self.local(mesh.vertices).astype(np.float32),
            normals=(mesh.normals @ turn.T).astype(np.float32),
        )

    def record(self, is_local: bool) -> dict[str, Any]:
        """What a reader must know. is_local: the offset is still to be added."""
        offset = self.offset if is_local else np.zeros(3)
        return {
            "crs": self.code,
            "name": self.name,
            "offset": offset.tolist(),
            "heights": HEIGHTS,
            "datum_accuracy_m": self.accuracy_m,
        }


def write_record(path: Path, record: dict[str, Any]) -> None:
    """As JSON, beside or in what was exported."""
    with atomic_write(path) as file:
        json.dump(record, file, indent=1)
        file.write("\n")


def map_crs(code: str, origin: GeoOrigin) -> MapCrs:
    """A coordinate system by its code, for a map that lies at this origin.

    ConfigError for a code that is unknown or no plane system in metres; InputError where it is not
    made for this place, or pyproj is missing.
    """
    pyproj = _pyproj()
    system = _metric_system(pyproj, code)
    _refuse_elsewhere(system, code, origin)
    place = f"+lat_0={origin.latitude!r} +lon_0={origin.longitude!r} +h_0={origin.altitude!r}"
    to_geodetic = pyproj.Transformer.from_pipeline(
        f"+proj=pipeline +step +inv +proj=topocentric +ellps=WGS84 {place} "
        "+step +inv +proj=cart +ellps=WGS84 +step +proj=unitconvert +xy_in=rad +xy_out=deg"
    )
    to_projected, accuracy = _best_operation(pyproj, system, code, origin)
    unmoved = MapCrs(
        code.upper(), system.name, np.zeros(3), accuracy, system, to_geodetic, to_projected
    )
    unmoved.refuse_distorted()
    there = unmoved.coordinates(np.zeros((1, 3)))[0]
    return replace(unmoved, offset=ROUND_M * np.floor(there / ROUND_M))


def _pyproj() -> Any:
    try:
        return importlib.import_module("pyproj")
    except ImportError as error:
        raise InputError(
            f"--crs needs the package pyproj of the extra crs ({error}); pip install pyproj"
        ) from error


def _metric_system(pyproj: Any, code: str) -> Any:
    authority, _, number = code.partition(":")
    if authority.upper() != "EPSG" or not number.isdecimal():
        raise ConfigError(f"--crs {code}: give a code like EPSG:32632")
    try:
        system = pyproj.CRS.from_epsg(int(number))
    except pyproj.exceptions.CRSError as error:
        raise ConfigError(f"--crs {code}: there is no coordinate system of this code") from error
    if not system.is_projected or len(system.axis_info) != 2:
        raise ConfigError(
            f"--crs {code}: {system.name} is not a plane system of easting and northing; a UTM "
            "zone is, and heights need none"
        )
    units = {axis.unit_name for axis in system.axis_info if axis.unit_conversion_factor != 1.0}
    if units:
        raise ConfigError(f"--crs {code}: {system.name} is in {units.pop()}, not in metres")
    return system


def _refuse_elsewhere(system: Any, code: str, origin: GeoOrigin) -> None:
    """InputError where the system was not made for the place: its plane is torn or stretched."""
    area = system.area_of_use
    if area is None:
        return
    to_east = (origin.longitude - area.west) % 360 <= (area.east - area.west) % 360 or (
        area.east - area.west >= 360
    )
    if not (to_east and area.south <= origin.latitude <= area.north):
        raise InputError(
            f"--crs {code}: {system.name} is for {area.west:g} to {area.east:g} E and "
            f"{area.south:g} to {area.north:g} N; the map lies at {origin.longitude:.4f} E "
            f"{origin.latitude:.4f} N"
        )


def _best_operation(
    pyproj: Any, system: Any, code: str, origin: GeoOrigin
) -> tuple[Any, float | None]:
    """From longitude and latitude of WGS 84, and to how many metres it is known at this place."""
    at = (origin.longitude, origin.latitude)
    with warnings.catch_warnings():  # of grids that are not there: the accuracy tells
        warnings.simplefilter("ignore", UserWarning)
        group = pyproj.transformer.TransformerGroup(
            "EPSG:4326",
            system,
            always_xy=True,
            area_of_interest=pyproj.aoi.AreaOfInterest(*at, *at),
            allow_ballpark=False,
        )
    if not group.transformers:
        raise InputError(f"--crs {code}: how its datum lies to WGS 84 here is not known to pyproj")
    best = group.transformers[0]
    return best, None if best.accuracy < 0 else float(best.accuracy)
