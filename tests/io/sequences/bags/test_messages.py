"""Pixels of every encoding become RGB."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

from mapper.errors import InputError
from mapper.io.sequences.bags.messages import color_image, depth_image

RED = [200, 0, 0]


def message(pixels: np.ndarray, encoding: str) -> SimpleNamespace:
    height, width = pixels.shape[:2]
    encoded = np.ascontiguousarray(pixels).reshape(height, -1).view(np.uint8)
    return SimpleNamespace(
        height=height,
        width=width,
        encoding=encoding,
        is_bigendian=0,
        step=encoded.shape[1],
        data=encoded.ravel(),
    )


def filled(values: list[int], dtype: type = np.uint8) -> np.ndarray:
    return np.full((6, 8, len(values)), values, dtype)


def mosaic(rows: tuple[str, str]) -> np.ndarray:
    """A Bayer image of something red."""
    pixels = np.zeros((8, 8), np.uint8)
    for v in range(2):
        for u in range(2):
            pixels[v::2, u::2] = 200 if rows[v][u] == "r" else 0
    return pixels


@pytest.mark.parametrize(
    ("pixels", "encoding"),
    [
        (filled([200, 0, 0]), "rgb8"),
        (filled([0, 0, 200]), "bgr8"),
        (filled([200, 0, 0, 9]), "rgba8"),
        (filled([0, 0, 200, 9]), "bgra8"),
        (filled([200 << 8, 0, 0], np.uint16), "rgb16"),
        (mosaic(("rg", "gb")), "bayer_rggb8"),
        (mosaic(("bg", "gr")), "bayer_bggr8"),
        (mosaic(("gb", "rg")), "bayer_gbrg8"),
        (mosaic(("gr", "bg")), "bayer_grbg8"),
    ],
)
def test_red_stays_red(pixels: np.ndarray, encoding: str) -> None:
    assert color_image(message(pixels, encoding), "/a")[3, 3].tolist() == RED


def test_grey_and_yuv() -> None:
    assert color_image(message(filled([7])[..., 0], "mono8"), "/a")[0, 0].tolist() == [7, 7, 7]
    pixels = np.zeros((4, 4, 2), np.uint8)
    pixels[:, 0::2] = 90, 128  # u, y
    pixels[:, 1::2] = 240, 128  # v, y
    red, green, blue = color_image(message(pixels, "yuv422"), "/a")[1, 1].tolist()
    assert red > 200 and green < 110 and blue < 110
    swapped = color_image(message(pixels[..., ::-1], "yuv422_yuy2"), "/a")[1, 1].tolist()
    assert swapped == [red, green, blue]


def test_what_is_damaged_or_not_known_is_named() -> None:
    with pytest.raises(InputError, match="/a: images are odd9; known: rgb8"):
        color_image(message(filled([1]), "odd9"), "/a")
    with pytest.raises(InputError, match="/d: depth images are rgb8"):
        depth_image(message(filled([1, 1, 1]), "rgb8"), "/d")
    short = message(filled([1, 1, 1]), "rgb8")
    short.data = short.data[:-1]
    with pytest.raises(InputError, match="/a: the image is cut short"):
        color_image(short, "/a")
    short.step = 3
    with pytest.raises(InputError, match="in rows of 3 bytes"):
        color_image(short, "/a")
