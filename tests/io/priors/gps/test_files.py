"""Tracks of receivers, each a small file of its format."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

from mapper.errors import ConfigError, InputError
from mapper.io.priors.gps.files import read_fixes

START = 1714557600.0  # 2024-05-01T10:00:00Z
GPX = """<?xml version="1.0"?>
<gpx version="1.1" creator="phone" xmlns="http://www.topografix.com/GPX/1/1">
 <trk><trkseg>
  <trkpt lat="47.0001" lon="8.0002"><ele>401.5</ele><time>2024-05-01T10:00:01Z</time></trkpt>
  <trkpt lat="47.0" lon="8.0"><ele>400</ele><time>2024-05-01T10:00:00Z</time>
   <hdop>1.5</hdop></trkpt>
  <trkpt lat="47.0002" lon="8.0004"><time>2024-05-01T12:00:02+02:00</time></trkpt>
 </trkseg></trk>
</gpx>
"""
KML_TRACK = """<kml xmlns="http://www.opengis.net/kml/2.2" xmlns:gx="http://www.google.com/kml/ext/2.2">
<Document><Placemark><gx:Track>
 <when>2024-05-01T10:00:00Z</when><when>2024-05-01T10:00:01Z</when>
 <when>2024-05-01T10:00:02Z</when>
 <gx:coord>8.0 47.0 400</gx:coord><gx:coord>8.0002 47.0001 401.5</gx:coord>
 <gx:coord>8.0004 47.0002 402</gx:coord>
</gx:Track></Placemark></Document></kml>
"""
KML_POINTS = """<kml xmlns="http://www.opengis.net/kml/2.2"><Document>
 <Placemark><TimeStamp><when>2024-05-01T10:00:00Z</when></TimeStamp>
  <Point><coordinates>8.0,47.0,400</coordinates></Point></Placemark>
 <Placemark><TimeStamp><when>2024-05-01T10:00:01Z</when></TimeStamp>
  <Point><coordinates>8.0002,47.0001,401.5</coordinates></Point></Placemark>
 <Placemark><TimeStamp><when>2024-05-01T10:00:02Z</when></TimeStamp>
  <Point><coordinates>8.0004,47.0002</coordinates></Point></Placemark>
</Document></kml>
"""


def sentence(body: str) -> str:
    checksum = 0
    for letter in body.encode():
        checksum ^= letter
    return f"${body}*{checksum:02X}\r\n"


def nmea(*, date: bool = True) -> str:
    """Three fixes, one that has no satellites, and noise."""
    lines = []
    for k, quality in enumerate((1, 1, 0, 2)):
        minutes = f"{60 * 0.0001 * k:.4f}".rjust(7, "0"), f"{60 * 0.0002 * k:.4f}".rjust(7, "0")
        place = f"47{minutes[0]},N,008{minutes[1]},E"
        lines.append(
            sentence(f"GPGGA,10000{k}.00,{place},{quality},08,0.9,{400 + 1.5 * k:.1f},M,47.0,M,,")
        )
        if date:
            lines.append(sentence(f"GPRMC,10000{k}.00,A,{place},2.5,60.0,010524,,,A"))
    return "\x80\x81 noise\r\n" + "".join(lines) + "$GPGGA,broken*00\r\n"


@pytest.mark.parametrize(
    ("name", "content"),
    [("a.gpx", GPX), ("a.kml", KML_TRACK), ("b.kml", KML_POINTS), ("a.nmea", nmea())],
)
def test_a_track_is_read(tmp_path: Path, name: str, content: str) -> None:
    (tmp_path / name).write_text(content, encoding="latin-1")
    fixes = read_fixes(tmp_path / name)
    steps = fixes.times - START
    np.testing.assert_allclose(steps[:2], [0, 1])
    assert len(steps) == 3
    np.testing.assert_allclose(fixes.latitudes, 47 + 1e-4 * steps, atol=1e-7)
    np.testing.assert_allclose(fixes.longitudes, 8 + 2e-4 * steps, atol=1e-7)
    np.testing.assert_allclose(fixes.altitudes[:2], [400, 401.5])


def test_what_a_track_says_of_its_certainty(tmp_path: Path) -> None:
    (tmp_path / "a.gpx").write_text(GPX)
    fixes = read_fixes(tmp_path / "a.gpx")
    np.testing.assert_array_equal(fixes.hdop, [1.5, np.nan, np.nan])
    assert np.isnan(fixes.altitudes[2])
    (tmp_path / "a.log").write_text(nmea(), encoding="latin-1")
    np.testing.assert_array_equal(read_fixes(tmp_path / "a.log").hdop, [0.9] * 3)


@pytest.mark.parametrize(
    ("name", "content", "why"),
    [
        ("a.gpx", "<gpx", "no readable GPX"),
        ("b.gpx", GPX.replace("<time>", "<!--").replace("</time>", "-->"), "have no times"),
        ("a.kml", "<kml>", "no readable KML"),
        (
            "b.kml",
            "<kml><LineString><coordinates>8,47</coordinates></LineString></kml>",
            "no times",
        ),
        ("c.kml", KML_TRACK.replace("8.0 47.0 400", "8.0 x"), "a place or a time that is none"),
        ("a.nmea", nmea(date=False), "no RMC sentence tells the date"),
        ("a.csv", "1,2,3", "tracks are read from .gpx, .kml, .nmea"),
    ],
)
def test_what_is_no_track_is_told(tmp_path: Path, name: str, content: str, why: str) -> None:
    (tmp_path / name).write_text(content, encoding="latin-1")
    with pytest.raises(InputError, match=why):
        read_fixes(tmp_path / name)


def test_a_track_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no such file; check --gps"):
        read_fixes(tmp_path / "a.gpx")


@pytest.mark.parametrize(("name", "package"), [("a.gpx", "gpxpy"), ("a.nmea", "pynmea2")])
def test_a_package_that_is_missing_is_named(
    tmp_path: Path, name: str, package: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / name).write_text(GPX)
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(ConfigError, match=f"the extra gps.: pip install {package}"):
        read_fixes(tmp_path / name)


@pytest.mark.parametrize(
    "words",
    [
        "4700.0,N,00800.0,E,x,08,0.9,400",
        "4700.0,N,00800.0,E,1,08,0.9,high",
        "4700.0,N,00800.0,E,1,08,low,400",
        ",,,,1,08,0.9,400",
    ],
)
def test_sentences_without_numbers_are_noise(tmp_path: Path, words: str) -> None:
    broken = sentence(f"GPGGA,100009.00,{words},M,47.0,M,,")
    (tmp_path / "a.nmea").write_text(nmea() + broken, encoding="latin-1")
    assert len(read_fixes(tmp_path / "a.nmea").times) == 3
