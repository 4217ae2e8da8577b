"""Images as Depth Anything 3 sees them."""

from __future__ import annotations

import numpy as np
import pytest

from mapper.core.intrinsics import Intrinsics
from mapper.errors import InputError
from mapper.frontends.da3.preprocess import Fit, as_tensor, layout_of, preprocessed


@pytest.mark.parametrize(
    ("size", "target", "fit", "expected"),
    [
        ((640, 480), 504, "upper_bound_resize", (504, 378)),
        ((640, 480), 252, "upper_bound_resize", (252, 196)),  # 189 lies in the middle: up
        ((640, 480), 252, "upper_bound_crop", (252, 182)),
        ((480, 640), 252, "upper_bound_crop", (182, 252)),
        ((640, 480), 252, "lower_bound_crop", (336, 252)),
        ((97, 504), 504, "lower_bound_resize", (504, 2618)),
        ((56, 42), 56, "upper_bound_crop", (56, 42)),
    ],
)
def test_sizes(size: tuple[int, int], target: int, fit: Fit, expected: tuple[int, int]) -> None:
    assert layout_of(*size, target, fit).size == expected
    image = np.zeros((size[1], size[0], 3), np.uint8)
    assert preprocessed(image, target, fit).shape == (expected[1], expected[0], 3)


@pytest.mark.parametrize("fit", ["upper_bound_resize", "upper_bound_crop"])
def test_images_too_narrow_for_a_patch_are_refused(fit: Fit) -> None:
    with pytest.raises(InputError, match="too narrow"):
        layout_of(13, 900, 252, fit)


def test_an_image_of_the_right_size_stays_as_it_is() -> None:
    image = np.random.default_rng(1).integers(0, 255, (42, 56, 3), np.uint8)
    np.testing.assert_array_equal(preprocessed(image, 56, "upper_bound_crop"), image)
    tensor = as_tensor(image)
    expected = (image[0, 0] / np.float32(255) - [0.485, 0.456, 0.406]) / [0.229, 0.224, 0.225]
    np.testing.assert_allclose(tensor[0, :, 0, 0], expected, rtol=1e-5)


def test_the_camera_follows_the_cut() -> None:
    camera = Intrinsics(500.0, 500.0, 319.5, 239.5, 640, 480)
    small = layout_of(640, 480, 252, "upper_bound_crop").intrinsics(camera)
    assert (small.width, small.height) == (252, 182)
    assert small.fx == pytest.approx(500 * 252 / 640)
    assert small.cy == pytest.approx(189 / 2 - 0.5 - 3)
