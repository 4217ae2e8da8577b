"""Where photographs were taken, by the GPS directory of their EXIF."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
from PIL import ExifTags, Image, UnidentifiedImageError

from mapper.errors import InputError
from mapper.io.priors.gps.track import Fixes

BELOW_SEA: Final = (1, b"\x01")  # as GPSAltitudeRef is written


def photographed(paths: Sequence[Path], times: np.ndarray) -> Fixes:
    """Of the images that tell it, each of its frame's time. times: (N,) of the frames.

    Raises InputError where none does.
    """
    rows = [(time, *place) for path, time in zip(paths, times, strict=True)
            if (place := _place_of(path)) is not None]  # fmt: skip
    if not rows:
        name = paths[0].name if len(paths) else "none"
        raise InputError(
            f"--gps exif: not one of {len(paths)} images tells where it was taken (the first is "
            f"{name})"
        )
    return Fixes(*np.array(rows, float).T)


def _place_of(path: Path) -> tuple[float, float, float, float] | None:
    """Latitude, longitude, altitude and HDOP; None where the image does not tell, or nonsense."""
    try:
        with Image.open(path) as image:
            told = image.getexif().get_ifd(ExifTags.IFD.GPSInfo)
    except (OSError, UnidentifiedImageError, ValueError):
        return None
    try:
        latitude = _degrees(told[ExifTags.GPS.GPSLatitude])
        longitude = _degrees(told[ExifTags.GPS.GPSLongitude])
        latitude *= -1 if told.get(ExifTags.GPS.GPSLatitudeRef) == "S" else 1
        longitude *= -1 if told.get(ExifTags.GPS.GPSLongitudeRef) == "W" else 1
        altitude = _number(told.get(ExifTags.GPS.GPSAltitude))
        if told.get(ExifTags.GPS.GPSAltitudeRef) in BELOW_SEA:
            altitude = -altitude
        found = latitude, longitude, altitude, _number(told.get(ExifTags.GPS.GPSDOP))
    except (KeyError, TypeError, ValueError, ZeroDivisionError):
        return None
    return found if np.isfinite(found[:2]).all() else None


def _degrees(parts: Any) -> float:
    """Of degrees, minutes and seconds."""
    degrees, minutes, seconds = (float(part) for part in parts)
    return degrees + minutes / 60 + seconds / 3600


def _number(value: Any) -> float:
    return np.nan if value is None else float(value)
