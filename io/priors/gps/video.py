"""Where a film was taken, by a track of places in it: Android's and other cameras' camm, GoPro's.

Times are seconds from the film's beginning, as those of its frames.
Sources: developers.google.com/streetview/publish/camm-spec; github.com/gopro/gpmf-parser.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import numpy as np

from mapper.errors import InputError
from mapper.io.priors.gps.boxes import Sample, samples, user_text
from mapper.io.priors.gps.track import USUAL_SIGMA

Row = tuple[float, float, float, float, float]  # time, latitude, longitude, altitude, hdop
PLACE, FIX = 5, 6  # kinds of packets of camm
FLAT, FULL = 2, 3  # kinds of fixes: without and with an altitude
NESTED: Final = b"\0"
INTEGERS: Final = {b"l": ">i4", b"L": ">u4", b"s": ">i2", b"S": ">u2"}


def rows_of_film(path: Path) -> Iterator[Row]:
    """Of a film's own fixes. Raises InputError where it has none."""
    rows = [row for sample in samples(path, "camm") for row in _of_camm(sample)]
    best = max((kind for kind, _ in rows), default=0)  # places come twice, once with their error
    found = [row for kind, row in rows if kind == best]
    found = found or [row for sample in samples(path, "gpmd") for row in _of_gopro(sample)]
    if not found:
        place = user_text(path, "\xa9xyz")
        begun = f"it says where it was begun ({place}), but" if place else "it"
        raise InputError(f"{path}: {begun} holds no track of places (camm, or GoPro's)")
    yield from found


def _of_camm(sample: Sample) -> Iterator[tuple[int, Row]]:
    """With the kind of the packet."""
    (kind,) = struct.unpack("<2xH", sample.content[:4])
    if kind == PLACE:
        yield kind, (sample.time, *struct.unpack("<3d", sample.content[4:28]), np.nan)
    elif kind == FIX:
        numbers = struct.unpack("<di2d2f", sample.content[4:40])
        _, fix, latitude, longitude, altitude, error = numbers
        if fix >= FLAT:
            hdop = error / USUAL_SIGMA if error > 0 else np.nan
            yield (
                kind,
                (sample.time, latitude, longitude, altitude if fix >= FULL else np.nan, hdop),
            )


def _of_gopro(sample: Sample) -> Iterator[Row]:
    """Fixes that are spread evenly over the time of the sample."""
    for stream in _streams(sample.content):
        scales = stream.get("SCAL", np.ones(1))
        fix, spread = (stream.get(key, np.full(1, np.nan))[0] for key in ("GPSF", "GPSP"))
        found = stream.get("GPS5")
        if found is None or fix < FLAT:
            continue
        places = found.reshape(-1, 5) / scales
        for number, (latitude, longitude, altitude, *_) in enumerate(places.tolist()):
            time = sample.time + sample.seconds * number / len(places)
            yield time, latitude, longitude, altitude if fix != FLAT else np.nan, spread / 100


def _streams(content: bytes) -> Iterator[dict[str, np.ndarray]]:
    """The numbers of each stream within, by their keys."""
    stream: dict[str, np.ndarray] = {}
    for key, kind, values in _entries(content):
        if kind == NESTED:
            yield from _streams(values)
        elif kind in INTEGERS:
            stream[key] = np.frombuffer(values, INTEGERS[kind]).astype(float)
    yield stream


def _entries(content: bytes) -> Iterator[tuple[str, bytes, bytes]]:
    """Key, type and content of what follows each other: a key, a type, sizes, padded to fours."""
    at = 0
    while at + 8 <= len(content):
        key, kind, size, count = struct.unpack(">4scBH", content[at : at + 8])
        length = size * count
        yield key.decode("latin-1"), kind, content[at + 8 : at + 8 + length]
        at += 8 + (length + 3) // 4 * 4
