"""HEIC images: read, turned and with EXIF where the package is there, told where it is not."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from mapper.errors import InputError
from mapper.io.images import heif
from mapper.io.sequences.decode import read_image
from mapper.io.sequences.image_files import header_of
from mapper.io.sequences.open_sequence import open_sequence

pillow_heif = pytest.importorskip("pillow_heif")


def halves() -> Image.Image:
    """64x48: the left is red, the right is blue."""
    pixels = np.zeros((48, 64, 3), np.uint8)
    pixels[:, :32, 0] = pixels[:, 32:, 2] = 240
    return Image.fromarray(pixels)


def write(path: Path, orientation: int = 1) -> None:
    exif = Image.Exif()
    exif[274] = orientation
    exif[34665] = {41989: 27}
    written = pillow_heif.from_pillow(halves())
    written.info["exif"] = exif.tobytes()
    written.save(path, quality=90)


@pytest.mark.parametrize("orientation", [1, 6])
def test_heic_images_are_a_sequence(tmp_path: Path, orientation: int) -> None:
    for number in (9, 10):
        write(tmp_path / f"{number}.HEIC", orientation)
    (tmp_path / "._9.HEIC").write_bytes(b"a fork")
    sequence = open_sequence(tmp_path)
    frame = sequence[0]
    header = header_of(tmp_path / "9.HEIC")
    assert len(sequence) == 2
    assert header is not None and header.shown_size == frame.image.shape[1::-1]
    assert frame.exif_focal == pytest.approx(0.75)
    red, blue = frame.image[4, 4].astype(int), frame.image[-4, -4].astype(int)
    assert red[0] > red[2] + 100 and blue[2] > blue[0] + 100
    # Turned by a quarter clockwise, what was at the left is on top.
    assert frame.image.shape[:2] == ((64, 48) if orientation == 6 else (48, 64))


def test_a_damaged_heic_is_named(tmp_path: Path) -> None:
    write(tmp_path / "a.heic")
    whole = (tmp_path / "a.heic").read_bytes()
    (tmp_path / "a.heic").write_bytes(whole[: len(whole) // 3])
    with pytest.raises(InputError, match=r"a\.heic: no readable HEIF"):
        read_image(tmp_path / "a.heic")


def test_without_the_package_the_remedy_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(heif, "can_read", lambda: False)
    write(tmp_path / "a.heic")
    with pytest.raises(InputError, match=r"1 HEIC images .*pip install pillow-heif"):
        open_sequence(tmp_path)
    halves().save(tmp_path / "b.png")
    sequence = open_sequence(tmp_path)
    assert len(sequence) == 1
    assert "pip install pillow-heif" in sequence.notes[0]
