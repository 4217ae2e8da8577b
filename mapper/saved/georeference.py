"""Where a run's map lies on the Earth, and what an export says of that."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mapper.core.pose_readings import GeoOrigin
from mapper.errors import InputError
from mapper.io.georeference.crs import FILE, MapCrs, map_crs, write_record
from mapper.run.directory import RunDirectory


def crs_of(run: RunDirectory, code: str) -> MapCrs:
    """A coordinate system for the run's map. InputError where nothing has placed it."""
    origin = run.read_description().says.origin
    if origin is None:
        raise InputError(
            f"{run.path}: the map has no place on the Earth (no origin in run.yaml), so that --crs "
            "means nothing; map it with --gps"
        )
    return map_crs(code, GeoOrigin(*origin))


def record_of(out: Path) -> Path:
    """The file beside an exported one that says its coordinate system."""
    return out.with_name(f"{out.name}.{FILE}")


def crs_in_words(record: Mapping[str, Any]) -> str:
    """What a user must know of the numbers: system, offset, and how sure the change of datum is."""
    east, north, up = record["offset"]
    offset = f", less {east:.0f}, {north:.0f}, {up:.0f} m" if any(record["offset"]) else ""
    accuracy = record["datum_accuracy_m"]
    known = f" (datum known to {accuracy:g} m)" if accuracy else ""
    known = " (how well its datum is known is not told)" if accuracy is None else known
    return f", in {record['crs']}{offset}{known}"


def write_place(out: Path, place: MapCrs | None, is_whole: bool, overwrite: bool) -> None:
    """Beside a file, in which coordinate system it is. is_whole: its coordinates are the system's
    own, without an offset. overwrite: the record of an earlier export goes where there is none."""
    if place is not None:
        write_record(record_of(out), place.record(is_local=not is_whole))
    elif overwrite:
        record_of(out).unlink(missing_ok=True)
