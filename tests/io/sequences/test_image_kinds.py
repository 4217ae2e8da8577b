"""Kinds of pixels that image files hold: all come out as RGB of 8 bits."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from mapper.io.sequences.decode import read_image
from mapper.io.sequences.open_sequence import open_sequence

ROWS, COLUMNS = 48, 64


def picture() -> np.ndarray:
    """Smooth colours, that survive JPEG."""
    small = np.random.default_rng(0).integers(20, 235, (4, 5, 3), np.uint8)
    return cv2.resize(small, (COLUMNS, ROWS), interpolation=cv2.INTER_LINEAR)


def with_alpha(image: Image.Image) -> Image.Image:
    """Half of it transparent: colour is colour all the same."""
    image = image.copy()
    image.putalpha(Image.fromarray(np.tile(np.array([0, 255], np.uint8), (ROWS, COLUMNS // 2))))
    return image


KINDS: dict[str, Callable[[Image.Image], Image.Image]] = {
    "cmyk.jpg": lambda image: image.convert("CMYK"),
    "cmyk.tif": lambda image: image.convert("CMYK"),
    "palette.png": lambda image: image.quantize(256),
    "palette.bmp": lambda image: image.quantize(256),
    "alpha.png": with_alpha,
}


@pytest.mark.parametrize("name", KINDS)
def test_colour_is_read_of_every_kind(tmp_path: Path, name: str) -> None:
    KINDS[name](Image.fromarray(picture())).save(tmp_path / name)
    read = read_image(tmp_path / name)
    assert read.dtype == np.uint8
    assert np.abs(read.astype(int) - picture()).mean() < 8  # a palette's colours are the nearest


@pytest.mark.parametrize("name", ["grey.png", "grey.jpg", "grey_alpha.png"])
def test_grey_is_spread_over_the_channels(tmp_path: Path, name: str) -> None:
    grey = Image.fromarray(picture()).convert("LA" if "alpha" in name else "L")
    grey.save(tmp_path / name)
    read = read_image(tmp_path / name)
    assert (read[..., 0] == read[..., 1]).all() and (read[..., 0] == read[..., 2]).all()
    assert np.abs(read[..., 0].astype(int) - np.asarray(grey.convert("L"))).mean() < 2


@pytest.mark.parametrize("ending", ["png", "tif"])
def test_sixteen_bits_become_eight(tmp_path: Path, ending: str) -> None:
    deep = picture()[..., ::-1].astype(np.uint16) * 257
    cv2.imwrite(str(tmp_path / f"deep.{ending}"), deep)
    assert np.abs(read_image(tmp_path / f"deep.{ending}").astype(int) - picture()).max() <= 1


def test_hidden_files_are_no_frames(tmp_path: Path) -> None:
    for number in (10, 9):
        Image.fromarray(picture()).save(tmp_path / f"IMG_{number}.png")
        (tmp_path / f"._IMG_{number}.png").write_bytes(b"\0\5\26\7")
    for name in (".DS_Store", "Thumbs.db", "desktop.ini"):
        (tmp_path / name).write_bytes(b"what a system keeps")
    sequence = open_sequence(tmp_path)
    files = [sequence.source_files(index)[0].name for index in range(2)]  # type: ignore[attr-defined]
    assert files == ["IMG_9.png", "IMG_10.png"]
    assert len(sequence) == 2 and sequence.notes == ()
