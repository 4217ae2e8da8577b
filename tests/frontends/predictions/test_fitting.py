"""Images are brought to the predictions' size as the model did, and cameras with them."""

from __future__ import annotations

import numpy as np
import pytest

from mapper.core.intrinsics import Intrinsics
from mapper.errors import InputError
from mapper.frontends.predictions.fitting import Fit, fit_of

WIDTH, HEIGHT = 96, 128  # upright
CAMERA = Intrinsics(100.0, 100.0, 47.5, 63.5, WIDTH, HEIGHT)


@pytest.fixture
def image() -> np.ndarray:
    """Red grows to the right, green downwards; blue tells more than both."""
    v, u = np.mgrid[:HEIGHT, :WIDTH]
    blue = 40 + 30 * ((u // 8 + v // 16) % 3)
    return np.stack([2 * u + 10, v + 20, blue], -1).astype(np.uint8)


def assert_camera_goes_with_the_image(fit: Fit, image: np.ndarray) -> None:
    """A ray of the original camera is seen in the final one with the original's colour."""
    final, camera = fit.image(image), fit.intrinsics(CAMERA)
    assert final.shape == (camera.height, camera.width, 3) == (fit.size[1], fit.size[0], 3)
    for x, y in ((0.0, 0.0), (0.2, -0.25), (-0.25, 0.3)):
        u, v = CAMERA.fx * x + CAMERA.cx, CAMERA.fy * y + CAMERA.cy
        column, row = camera.fx * x + camera.cx, camera.fy * y + camera.cy
        seen = final[round(row), round(column), :2]
        np.testing.assert_allclose(seen, [2 * u + 10, v + 20], atol=6)


def test_what_is_only_rounded_is_resized(image: np.ndarray) -> None:
    fit = fit_of(image, (42, 56), "auto")
    assert fit == Fit((42, 56), (0, 0), (42, 56))
    assert_camera_goes_with_the_image(fit, image)
    assert_camera_goes_with_the_image(fit_of(image, (42, 57), "auto"), image)


@pytest.mark.parametrize(
    ("how", "expected"),
    [
        ("crop", Fit((64, 85), (0, 10), (64, 64))),
        ("pad", Fit((48, 64), (-8, 0), (64, 64))),
    ],
)
def test_a_square_is_cut_or_has_margins(image: np.ndarray, how: str, expected: Fit) -> None:
    fit = fit_of(image, (64, 64), how)  # type: ignore[arg-type]
    assert fit == expected
    assert_camera_goes_with_the_image(fit, image)
    own = expected.image(image)
    assert fit_of(image, (64, 64), "auto", own) == expected  # told by the stored image
    seen = fit.used()
    assert seen.sum() == (64 * 64 if how == "crop" else 64 * 48)
    assert (own[~seen] == 255).all()


def test_a_mask_goes_with_the_image() -> None:
    mask = np.ones((HEIGHT, WIDTH), bool)
    mask[:64] = False  # the upper half
    assert not Fit((64, 85), (0, 10), (64, 64)).used(mask)[:32].any()
    padded = Fit((48, 64), (-8, 0), (64, 64)).used(mask)
    assert padded[33:, 8:56].all() and padded.sum() <= 32 * 48


def test_what_cannot_belong_together_is_refused_with_both_sizes(image: np.ndarray) -> None:
    with pytest.raises(InputError, match=r"are 64x64 and the images 96x128, .*fit=crop or"):
        fit_of(image, (64, 64), "auto")
    noise = np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8)
    with pytest.raises(InputError, match=r"64x64 and the images 96x128: .* not the sequence's"):
        fit_of(image, (64, 64), "auto", noise)
