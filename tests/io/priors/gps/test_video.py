"""Tracks of places in films: small MP4 files, box by box."""

from __future__ import annotations

import struct
from pathlib import Path

import numpy as np
import pytest

from mapper.errors import InputError
from mapper.io.priors.gps.files import read_fixes

PLACES = ((47.0, 8.0, 400.0), (47.0001, 8.0002, 401.5), (47.0002, -8.0004, 402.0))


def box(kind: str, *content: bytes) -> bytes:
    inside = b"".join(content)
    return struct.pack(">I4s", 8 + len(inside), kind.encode("latin-1")) + inside


def numbers(*values: int) -> bytes:
    return struct.pack(f">{len(values)}I", *values)


def film(path: Path, entry: str, contents: list[bytes], place: str = "", ticks: int = 500) -> Path:
    """With a track whose samples lie in two chunks, a tick a millisecond."""
    head = box("ftyp", b"isom", numbers(0))
    mdat = box("mdat", b"noise", *contents)
    first = len(head) + 8 + 5
    second = first + len(contents[0])
    table = box(
        "stbl",
        box("stsd", numbers(0, 1), box(entry, bytes(8))),
        box("stts", numbers(0, 1, len(contents), ticks)),
        box("stsc", numbers(0, 2, 1, 1, 1, 2, len(contents) - 1, 1)),
        box("stsz", numbers(0, 0, len(contents), *map(len, contents))),
        box("stco", numbers(0, 2, first, second)),
    )
    media = box("mdia", box("mdhd", numbers(0, 0, 0, 1000, 0, 0)), box("minf", table))
    said = place.encode()
    user = box("udta", box("\xa9xyz", struct.pack(">HH", len(said), 0x15C7), said))
    path.write_bytes(head + mdat + box("moov", box("trak", media), user if place else b""))
    return path


def test_the_track_of_an_android_camera(tmp_path: Path) -> None:
    packets = [struct.pack("<HH3d", 0, 5, *place) for place in PLACES]
    packets.insert(1, struct.pack("<HH3f", 0, 2, 0.1, 0.2, 0.3))  # of the gyroscope
    fixes = read_fixes(film(tmp_path / "film.mp4", "camm", packets))
    np.testing.assert_allclose(fixes.times, [0.0, 1.0, 1.5])
    np.testing.assert_allclose(fixes.latitudes, [p[0] for p in PLACES])
    np.testing.assert_allclose(fixes.longitudes, [p[1] for p in PLACES])
    np.testing.assert_allclose(fixes.altitudes, [p[2] for p in PLACES])


def test_fixes_with_their_error_are_taken_before_places(tmp_path: Path) -> None:
    packets = [struct.pack("<HH3d", 0, 5, *PLACES[0])]
    for fix, (latitude, longitude, altitude) in zip((3, 2, 0), PLACES, strict=True):
        rest = struct.pack("<2d7f", latitude, longitude, altitude, 6.0, 9.0, 0, 0, 0, 0)
        packets.append(struct.pack("<HHdi", 0, 6, 1.4e9, fix) + rest)
    fixes = read_fixes(film(tmp_path / "film.MOV", "camm", packets))
    np.testing.assert_allclose(fixes.times, [0.5, 1.0])  # the last one is none
    np.testing.assert_allclose(fixes.altitudes, [400.0, np.nan])
    np.testing.assert_allclose(fixes.hdop, [2.0, 2.0])  # 6 m, of the usual 3


def gopro(key: str, kind: str, size: int, content: bytes) -> bytes:
    head = struct.pack(">4scBH", key.encode(), kind.encode(), size, len(content) // size)
    return head + content + bytes(-len(content) % 4)


def gopro_sample(fix: int) -> bytes:
    """Two places within the second of a sample, and a stream of another sensor."""
    rows = b"".join(
        struct.pack(">5i", *(round(1e7 * v) for v in p[:2]), round(1e3 * p[2]), 0, 0)
        for p in PLACES[:2]
    )
    places = [
        gopro("GPSF", "L", 4, numbers(fix)),
        gopro("GPSP", "S", 2, struct.pack(">H", 180)),
        gopro("SCAL", "l", 4, numbers(10**7, 10**7, 1000, 1000, 100)),
        gopro("GPS5", "l", 20, rows),
    ]
    other = gopro("STRM", "\0", 1, gopro("ACCL", "s", 6, struct.pack(">3h", 1, 2, 3)))
    return gopro("DEVC", "\0", 1, other + gopro("STRM", "\0", 1, b"".join(places)))


def test_the_track_of_a_gopro(tmp_path: Path) -> None:
    samples = [gopro_sample(3), gopro_sample(0), gopro_sample(2)]
    fixes = read_fixes(film(tmp_path / "GX010001.MP4", "gpmd", samples, ticks=1000))
    np.testing.assert_allclose(fixes.times, [0.0, 0.5, 2.0, 2.5])
    np.testing.assert_allclose(fixes.latitudes[:2], [47.0, 47.0001])
    np.testing.assert_allclose(fixes.altitudes, [400, 401.5, np.nan, np.nan])
    np.testing.assert_allclose(fixes.hdop, 1.8)


def test_films_without_a_track_say_so(tmp_path: Path) -> None:
    path = film(tmp_path / "a.mp4", "avc1", [b"picture", b"picture"], "+47.0000+008.0000/")
    with pytest.raises(InputError, match=r"where it was begun \(\+47\.0000\+008\.0000/\), but"):
        read_fixes(path)
    with pytest.raises(InputError, match=r"b\.mp4: it holds no track of places"):
        read_fixes(film(tmp_path / "b.mp4", "avc1", [b"picture", b"picture"]))
    whole = film(tmp_path / "c.mp4", "camm", [struct.pack("<HH3d", 0, 5, *PLACES[0])] * 3)
    content = whole.read_bytes()
    for cut in (len(content) - 30, len(content) // 2):
        whole.write_bytes(content[:cut])
        with pytest.raises(InputError, match=r"c\.mp4"):
            read_fixes(whole)
