"""Tracks of receivers: GPX by gpxpy, NMEA by pynmea2 (the extra `gps`), KML, and within films.

track.gpx      <trkpt lat lon> with <time>, perhaps <ele> and <hdop>
track.kml      <gx:Track> with <when> and <gx:coord>, or placemarks with <TimeStamp> and <Point>
track.nmea     $..GGA (place, altitude, hdop) and $..RMC (date) sentences; also .txt and .log
film.mp4       a track of places, see mapper.io.priors.gps.video; also .mov and .m4v
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any, Final
from xml.etree import ElementTree

import numpy as np

from mapper.errors import ConfigError, InputError
from mapper.io.priors.gps.track import Fixes
from mapper.io.priors.gps.video import Row, rows_of_film
from mapper.io.text_files import read_text

NO_TIME: Final = "its places have no times; record the track with times, or use photographs' own"


def read_fixes(path: Path) -> Fixes:
    """All fixes of a file, in the order of time; of a film by its own clock.

    Raises InputError or ConfigError that names it.
    """
    if not path.is_file():
        raise InputError(f"{path}: no such file; check --gps")
    reader = _READERS.get(path.suffix.lower())
    if reader is None:
        raise InputError(
            f"{path}: tracks are read from {', '.join(_READERS)}, or from the photographs "
            "themselves (--gps exif)"
        )
    rows = sorted(reader(path))
    table = np.array(rows, float).reshape(-1, 5)
    return Fixes(*table.T)


def _package(name: str, path: Path) -> Any:
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        raise ConfigError(
            f"{path}: needs the package {name} (the extra gps): pip install {name}"
        ) from error


def _gpx(path: Path) -> Iterator[Row]:
    gpxpy = _package("gpxpy", path)
    try:
        content = gpxpy.parse(read_text(path))
    except gpxpy.gpx.GPXException as error:
        raise InputError(f"{path}: no readable GPX ({str(error).splitlines()[0]})") from error
    points = [p for track in content.tracks for segment in track.segments for p in segment.points]
    if points and all(point.time is None for point in points):
        raise InputError(f"{path}: {NO_TIME}")
    for point in points:
        if point.time is not None:
            hdop = point.horizontal_dilution
            yield (
                _seconds(point.time),
                point.latitude,
                point.longitude,
                np.nan if point.elevation is None else float(point.elevation),
                np.nan if hdop is None else float(hdop),
            )


def _nmea(path: Path) -> Iterator[Row]:
    """GGA tells the place and the time of day, RMC the date."""
    pynmea2 = _package("pynmea2", path)
    day: date | None = None
    waiting: list[Any] = []
    for line in read_text(path).splitlines():
        try:
            sentence = pynmea2.parse(line.strip(), check=True)
        except (pynmea2.ParseError, ValueError):  # noise of the serial line
            continue
        kind = getattr(sentence, "sentence_type", "")
        if kind == "RMC" and sentence.datestamp is not None:
            day = sentence.datestamp
            for fix in waiting:
                yield _nmea_row(fix, day)
            waiting = []
        elif kind == "GGA" and sentence.timestamp is not None and _is_placed(sentence):
            if day is None:
                waiting.append(sentence)
            else:
                yield _nmea_row(sentence, day)
    if waiting:
        raise InputError(f"{path}: no RMC sentence tells the date of its fixes")


def _is_placed(fix: Any) -> bool:
    """Whether a GGA sentence tells a place, in numbers; else it is noise of the serial line."""
    try:
        _nmea_row(fix, date(2000, 1, 1))
        return int(fix.gps_qual or 0) > 0 and bool(fix.lat and fix.lon)
    except (TypeError, ValueError):
        return False


def _nmea_row(fix: Any, day: date) -> Row:
    moment = datetime.combine(day, fix.timestamp.replace(tzinfo=None), UTC)
    altitude = np.nan if fix.altitude is None else float(fix.altitude)
    hdop = float(fix.horizontal_dil) if fix.horizontal_dil else np.nan
    return moment.timestamp(), fix.latitude, fix.longitude, altitude, hdop


def _kml(path: Path) -> Iterator[Row]:
    try:
        root = ElementTree.fromstring(read_text(path).encode())
    except ElementTree.ParseError as error:
        raise InputError(f"{path}: no readable KML ({error})") from error
    found = False
    for element in root.iter():
        name = _local(element)
        if name == "Track":
            when = [child.text for child in element if _local(child) == "when"]
            where = [child.text for child in element if _local(child) == "coord"]
            for moment, place in zip(when, where, strict=False):
                found = True
                yield _kml_row(path, moment, (place or "").split())
        elif name == "Placemark":
            moment = next((e.text for e in element.iter() if _local(e) == "when"), None)
            point = next((e for e in element.iter() if _local(e) == "Point"), None)
            if moment is None or point is None:
                continue
            place = next((e.text for e in point.iter() if _local(e) == "coordinates"), "")
            found = True
            yield _kml_row(path, moment, (place or "").strip().split(","))
    if not found:
        raise InputError(f"{path}: {NO_TIME}")


def _local(element: ElementTree.Element) -> str:
    """The name of an element, without its namespace."""
    return str(element.tag).rpartition("}")[2]


def _kml_row(path: Path, moment: str | None, place: list[str]) -> Row:
    """KML has the longitude first."""
    try:
        when = datetime.fromisoformat((moment or "").strip())
        longitude, latitude, *more = (float(word) for word in place)
    except ValueError as error:
        raise InputError(f"{path}: a place or a time that is none ({error})") from error
    return _seconds(when), latitude, longitude, more[0] if more else np.nan, np.nan


def _seconds(moment: datetime) -> float:
    """Since 1970; of a time without a zone as if it were UTC."""
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()


_READERS: Final[dict[str, Callable[[Path], Iterator[Row]]]] = {
    ".gpx": _gpx,
    ".kml": _kml,
    ".nmea": _nmea,
    ".txt": _nmea,
    ".log": _nmea,
    ".mp4": rows_of_film,
    ".m4v": rows_of_film,
    ".mov": rows_of_film,
}
