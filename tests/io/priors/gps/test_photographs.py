"""Where photographs say that they were taken."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import ExifTags, Image

from mapper.errors import InputError
from mapper.io.priors.gps.photographs import photographed

TIMES = np.arange(4.0)


def write_photograph(path: Path, seconds: float, **changed: object) -> None:
    """Taken at 47 degrees south, 8 degrees west, and so many seconds of arc from there."""
    tags = ExifTags.GPS
    told = {
        tags.GPSLatitudeRef: "S",
        tags.GPSLatitude: (47.0, 0.0, seconds),
        tags.GPSLongitudeRef: "W",
        tags.GPSLongitude: (8.0, 30.0, 0.0),
        tags.GPSAltitudeRef: b"\x00",
        tags.GPSAltitude: 400.5,
    }
    told |= {getattr(tags, name): value for name, value in changed.items()}
    exif = Image.Exif()
    exif.get_ifd(ExifTags.IFD.GPSInfo).update({k: v for k, v in told.items() if v is not None})
    Image.new("RGB", (16, 12)).save(path, exif=exif)


def test_each_image_has_its_frames_time(tmp_path: Path) -> None:
    paths = [tmp_path / f"{k}.jpg" for k in range(4)]
    write_photograph(paths[0], 0)
    write_photograph(paths[1], 36, GPSAltitudeRef=b"\x01", GPSDOP=2.5)
    Image.new("RGB", (16, 12)).save(paths[2])  # does not tell
    write_photograph(paths[3], 72, GPSAltitude=None)
    fixes = photographed(paths, TIMES)
    np.testing.assert_array_equal(fixes.times, [0, 1, 3])
    np.testing.assert_allclose(fixes.latitudes, [-47, -47.01, -47.02])
    np.testing.assert_allclose(fixes.longitudes, -8.5)
    np.testing.assert_allclose(fixes.altitudes, [400.5, -400.5, np.nan])
    np.testing.assert_allclose(fixes.hdop, [np.nan, 2.5, np.nan])


def test_images_that_do_not_tell_are_told(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    Image.new("RGB", (16, 12)).save(path)
    nonsense = tmp_path / "b.jpg"
    write_photograph(nonsense, 0, GPSLatitude=(1.0, 2.0))
    (tmp_path / "c.jpg").write_text("no image")
    with pytest.raises(InputError, match=r"not one of 3 images tells .*first is a\.png"):
        photographed([path, nonsense, tmp_path / "c.jpg"], TIMES[:3])
