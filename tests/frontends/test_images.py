"""Images at the sizes and values of every family: layouts, cameras, pixels."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor

from mapper.core.intrinsics import Intrinsics
from mapper.errors import InputError
from mapper.frontends.cut3r import preprocess as cut3r
from mapper.frontends.images import Layout
from mapper.frontends.vggt import preprocess as vggt
from mapper.frontends.wint3r import preprocess as wint3r


@dataclass(frozen=True)
class Family:
    """layout_of and preprocessed take the size of the model, where it has several."""

    layout_of: Callable[..., Layout]
    preprocessed: Callable[..., np.ndarray]
    as_tensor: Callable[[np.ndarray], Tensor]
    values: tuple[float, float, float]  # of the colours 0, 255 and 51


FAMILIES = {
    "cut3r": Family(cut3r.layout_of, cut3r.preprocessed, cut3r.as_tensor, (-1.0, 1.0, -0.6)),
    "vggt": Family(vggt.layout_of, vggt.preprocessed, vggt.as_tensor, (0.0, 1.0, 0.2)),
    "wint3r": Family(
        wint3r.layout_of,
        wint3r.preprocessed,
        wint3r.as_tensor,
        (-0.485 / 0.229, (1 - 0.456) / 0.224, (0.2 - 0.406) / 0.225),
    ),
}
# Family, size of the model, source and final sizes; WinT3R's are recorded of its loader.
SIZES = (
    ("cut3r", (512,), (640, 480), (512, 384)),
    ("cut3r", (512,), (480, 640), (384, 512)),
    ("cut3r", (512,), (300, 300), (512, 384)),  # squares are cut to 4:3
    ("cut3r", (512,), (700, 200), (512, 144)),
    ("cut3r", (224,), (640, 480), (224, 224)),
    ("vggt", (518,), (640, 480), (518, 392)),
    ("vggt", (518,), (480, 640), (518, 518)),  # what is higher than the target is cut
    ("vggt", (518,), (1241, 376), (518, 154)),
    ("vggt", (518,), (64, 48), (518, 392)),  # small images are enlarged
    ("vggt", (224,), (640, 480), (224, 224)),  # squeezed, as one of the published copies does
    ("vggt", (56,), (100, 75), (56, 42)),
    ("wint3r", (), (640, 480), (512, 384)),
    ("wint3r", (), (641, 479), (512, 336)),
    ("wint3r", (), (1920, 1080), (512, 288)),
    ("wint3r", (), (1080, 1920), (288, 512)),
    ("wint3r", (), (480, 640), (384, 512)),
    ("wint3r", (), (512, 512), (512, 384)),
    ("wint3r", (), (333, 500), (336, 512)),
    ("wint3r", (), (1000, 375), (512, 224)),
    ("wint3r", (), (300, 90), (512, 224)),
    ("wint3r", (), (90, 300), (224, 512)),
    ("wint3r", (), (100, 75), (512, 384)),
    ("wint3r", (), (1242, 375), (512, 224)),
    ("wint3r", (), (513, 337), (512, 336)),
)


@pytest.mark.parametrize(("name", "model", "source", "expected"), SIZES)
def test_sizes(
    name: str, model: tuple[int, ...], source: tuple[int, int], expected: tuple[int, int]
) -> None:
    family = FAMILIES[name]
    layout = family.layout_of(*source, *model)
    assert layout.size == expected
    image = family.preprocessed(np.full((source[1], source[0], 3), 200, np.uint8), *model)
    assert image.shape == (expected[1], expected[0], 3)
    assert ((image[..., 0] == 200) == layout.inside()).all()  # margins are black, and known as such


@pytest.mark.parametrize(("name", "size"), [("cut3r", (4000, 60)), ("vggt", (4000, 30))])
def test_slivers_are_refused(name: str, size: tuple[int, int]) -> None:
    with pytest.raises(InputError, match="too narrow"):
        FAMILIES[name].layout_of(*size, 512)


@pytest.mark.parametrize("name", FAMILIES)
def test_tensor_range(name: str) -> None:
    family = FAMILIES[name]
    tensor = family.as_tensor(np.array([[[0, 255, 51]]], np.uint8))
    assert tensor.shape == (1, 3, 1, 1)
    torch.testing.assert_close(tensor.flatten(), torch.tensor(family.values))


@pytest.mark.parametrize(
    ("name", "model", "size"),
    [
        ("cut3r", (224,), (640, 480)),
        ("cut3r", (512,), (700, 200)),
        ("vggt", (518,), (480, 640)),
        ("wint3r", (), (1242, 375)),  # with rows of margin above and below
    ],
)
def test_intrinsics_and_pixels_follow_resize_and_crop(
    name: str, model: tuple[int, ...], size: tuple[int, int]
) -> None:
    width, height = size
    camera = Intrinsics(600, 600, (width - 1) / 2, (height - 1) / 2, width, height)
    layout = FAMILIES[name].layout_of(width, height, *model)
    cut = layout.intrinsics(camera)
    assert (cut.width, cut.height) == layout.size
    assert cut.fx == pytest.approx(600 * layout.resized[0] / width)
    # The centre of the image stays the centre of the crop, up to the pixel that a side is odd by.
    assert abs(cut.cx - (layout.size[0] - 1) / 2) <= 0.5
    assert abs(cut.cy - (layout.size[1] - 1) / 2) <= 0.5
    pixels = np.array([[camera.cx, camera.cy], [3.0, 7.5]])
    there = layout.to_network(pixels, size)
    np.testing.assert_allclose(there[0], [cut.cx, cut.cy])
    np.testing.assert_allclose(layout.from_network(there, size), pixels, atol=1e-9)


def test_rows_of_margin_move_the_principal_point() -> None:
    layout = wint3r.layout_of(1242, 375)
    camera = layout.intrinsics(Intrinsics(700.0, 700.0, 620.5, 187.0, 1242, 375))
    # 155 rows are set into 224: 112 - 77 = 35 of them lie above the image.
    assert camera.cy == pytest.approx((187.0 + 0.5) * 155 / 375 - 0.5 + 35)


def test_squares_cannot_be_squeezed() -> None:
    square = Image.new("RGB", (300, 300))
    with pytest.raises(InputError, match="square"):
        cut3r.preprocessed(square, 512, crop=False)
    with pytest.raises(InputError, match="square"):
        vggt.for_evaluation(square, 518, crop=False)
    assert vggt.for_evaluation(square, 518, crop=True).shape == (388, 518, 3)


def test_padding_is_white_and_centred() -> None:
    image = vggt.preprocessed(Image.new("RGB", (60, 30)), 56, "pad")
    assert image.shape == (56, 56, 3)
    dark = np.flatnonzero(image[:, 28, 0] == 0)
    assert (dark[0], dark[-1]) == (14, 41)


def test_transparency_shows_white() -> None:
    clear = Image.new("RGBA", (56, 56), (0, 0, 0, 0))
    assert (vggt.preprocessed(clear, 56) == 255).all()


def test_images_of_several_sizes_are_brought_together() -> None:
    small, large = np.zeros((14, 28, 3), np.uint8), np.zeros((28, 42, 3), np.uint8)
    first, second = vggt.together([small, large])
    assert first.shape == second.shape == (28, 42, 3)
    assert (first[:7] == 255).all() and (first[7:21, 7:35] == 0).all()
