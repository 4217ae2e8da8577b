"""Networks of features are shown images that are neither small nor large."""

from __future__ import annotations

import numpy as np
import pytest

from mapper.vision.shown_image import placed, shown, shown_size


@pytest.mark.parametrize(
    ("size", "expected"),
    [
        ((480, 640), (480, 640)),
        ((960, 1280), (480, 640)),
        ((240, 320), (224, 320)),  # multiples of 32
        ((72, 96), (160, 224)),
        ((20, 2000), (32, 2176)),
    ],
)
def test_the_image_is_neither_small_nor_large(
    size: tuple[int, int], expected: tuple[int, int]
) -> None:
    assert shown_size(*size) == expected
    assert shown(np.zeros((*size, 3), np.uint8)).shape == (*expected, 3)


def test_what_is_found_in_it_lies_where_the_image_has_it() -> None:
    image = np.zeros((960, 1280, 3), np.uint8)
    image[600:604, 200:204] = 255  # its middle is at 601.5 and 201.5
    v, u = np.argwhere(shown(image)[..., 0]).mean(axis=0)
    np.testing.assert_allclose(placed(np.array([[u, v]]), 960, 1280), [[201.5, 601.5]])
