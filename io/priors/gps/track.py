"""Fixes of a receiver, and the local frame in which they are metres to the east, north and up."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from mapper.core.pose_readings import GeoOrigin, PoseReadings
from mapper.errors import InputError

# WGS 84: half the long axis, metres, and the flattening.
EQUATOR: Final = 6378137.0
FLATTENING: Final = 1 / 298.257223563
ECCENTRICITY_2: Final = FLATTENING * (2 - FLATTENING)
USUAL_SIGMA: Final = 3.0  # metres, of a receiver in a phone under open sky, to the east and north
UP: Final = 2.0  # how much less certain the altitude is
NO_ALTITUDE: Final = 20.0  # ... where there is none, and the ground is taken to be level
LEAST_FIXES: Final = 3
ALONE: Final = 10.0  # times the usual distance from the middle: no place to put the origin


@dataclass(frozen=True, slots=True, eq=False)
class Fixes:
    """times: (N,), seconds; of fixes that carry a date since 1970, UTC. latitudes, longitudes:
    (N,), degrees of WGS 84. altitudes: (N,), metres; NaN = not told. hdop: (N,), by how much the
    satellites' places make it less certain; NaN = not told."""

    times: np.ndarray
    latitudes: np.ndarray
    longitudes: np.ndarray
    altitudes: np.ndarray
    hdop: np.ndarray


def gps_readings(name: str, fixes: Fixes, sigma: float | None) -> PoseReadings:
    """Positions in the east-north-up frame of the first fix that is where most are. sigma: metres;
    None = as is usual.

    Of fixes of one time the first counts. Raises InputError where they are none.
    """
    if not len(fixes.times):
        raise InputError(f"{name}: there are no fixes in it")
    wrong = (np.abs(fixes.latitudes) > 90) | (np.abs(fixes.longitudes) > 360)
    if wrong.any():
        first = int(np.argmax(wrong))
        raise InputError(
            f"{name}: fix {first + 1} is at latitude {fixes.latitudes[first]:g}, longitude "
            f"{fixes.longitudes[first]:g}, which is nowhere; are they in degrees?"
        )
    fixes = _told(fixes)
    times, rows = np.unique(fixes.times, return_index=True)
    if len(times) < LEAST_FIXES:
        raise InputError(
            f"{name}: {len(times)} fixes of different times; {LEAST_FIXES} are needed at least"
        )
    latitudes, longitudes = fixes.latitudes[rows], fixes.longitudes[rows]
    altitudes, hdop = fixes.altitudes[rows], fixes.hdop[rows]
    knows_up = bool(np.isfinite(altitudes).mean() > 0.5)
    usual = float(np.nanmedian(altitudes)) if knows_up else 0.0
    altitudes = np.where(np.isfinite(altitudes) & knows_up, altitudes, usual)
    first = _first_near(latitudes, longitudes, altitudes)
    origin = GeoOrigin(float(latitudes[first]), float(longitudes[first]), float(altitudes[first]))
    spread = np.where(np.isfinite(hdop), np.clip(hdop, 1.0, 20.0), 1.0)
    return PoseReadings(
        name,
        times,
        east_north_up(origin, latitudes, longitudes, altitudes),
        None,
        (sigma or USUAL_SIGMA) * spread,
        1.0,
        drifts=False,
        origin=origin,
        vertical=UP if knows_up else NO_ALTITUDE,
    )


def _told(fixes: Fixes) -> Fixes:
    """Without what receivers write before they know where they are: nothing, or the zero point."""
    places = np.array([fixes.times, fixes.latitudes, fixes.longitudes])
    known = np.isfinite(places).all(axis=0) & ((fixes.latitudes != 0) | (fixes.longitudes != 0))
    rows = (fixes.times, fixes.latitudes, fixes.longitudes, fixes.altitudes, fixes.hdop)
    return Fixes(*(row[known] for row in rows))


def _first_near(latitudes: np.ndarray, longitudes: np.ndarray, altitudes: np.ndarray) -> int:
    """The first fix that is where most are: one far away would turn up and east for all."""
    centred = _earth_centred(latitudes, longitudes, altitudes)
    away = np.linalg.norm(centred - np.median(centred, axis=0), axis=1)
    return int(np.argmax(away <= max(ALONE * float(np.median(away)), 1.0)))


def east_north_up(
    origin: GeoOrigin, latitudes: np.ndarray, longitudes: np.ndarray, altitudes: np.ndarray
) -> np.ndarray:
    """Metres (N, 3) from the origin, in the plane that touches the ellipsoid there."""
    place = np.array([origin.latitude]), np.array([origin.longitude]), np.array([origin.altitude])
    away = _earth_centred(latitudes, longitudes, altitudes) - _earth_centred(*place)
    phi, lam = np.radians([origin.latitude, origin.longitude])
    east = np.array([-np.sin(lam), np.cos(lam), 0.0])
    up = np.array([np.cos(phi) * np.cos(lam), np.cos(phi) * np.sin(lam), np.sin(phi)])
    return away @ np.column_stack([east, np.cross(up, east), up])


def _earth_centred(
    latitudes: np.ndarray, longitudes: np.ndarray, altitudes: np.ndarray
) -> np.ndarray:
    """Metres (N, 3): x to the meridian of Greenwich, z to the north pole."""
    phi, lam = np.radians(latitudes), np.radians(longitudes)
    across = EQUATOR / np.sqrt(1 - ECCENTRICITY_2 * np.sin(phi) ** 2)
    outward = (across + altitudes) * np.cos(phi)
    north = (across * (1 - ECCENTRICITY_2) + altitudes) * np.sin(phi)
    return np.column_stack([outward * np.cos(lam), outward * np.sin(lam), north])
