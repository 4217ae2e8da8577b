"""Images and cameras of the VGGT family: layouts, intrinsics, pose encodings."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from PIL import Image

from mapper.core.intrinsics import Intrinsics
from mapper.errors import InputError
from mapper.frontends.vggt.pose_encoding import (
    encoded,
    extrinsics,
    intrinsics,
    quaternion_xyzw,
    rotation,
    unprojected,
)
from mapper.frontends.vggt.preprocess import (
    Layout,
    as_tensor,
    for_evaluation,
    preprocessed,
    together,
)


@pytest.mark.parametrize(
    ("size", "target", "expected"),
    [
        ((640, 480), 518, (518, 392)),
        ((480, 640), 518, (518, 518)),  # what is higher than the target is cut
        ((1241, 376), 518, (518, 154)),
        ((64, 48), 518, (518, 392)),  # small images are enlarged
        ((640, 480), 224, (224, 224)),  # squeezed, as one of the published copies does
        ((100, 75), 56, (56, 42)),
    ],
)
def test_sizes(size: tuple[int, int], target: int, expected: tuple[int, int]) -> None:
    assert Layout.of(*size, target).size == expected
    image = preprocessed(Image.new("RGB", size), target)
    assert image.shape == (expected[1], expected[0], 3)


def test_slivers_are_refused() -> None:
    with pytest.raises(InputError, match="too narrow"):
        Layout.of(4000, 30, 518)


def test_padding_is_white_and_centred() -> None:
    image = preprocessed(Image.new("RGB", (60, 30)), 56, "pad")
    assert image.shape == (56, 56, 3)
    dark = np.flatnonzero(image[:, 28, 0] == 0)
    assert (dark[0], dark[-1]) == (14, 41)


def test_transparency_shows_white() -> None:
    clear = Image.new("RGBA", (56, 56), (0, 0, 0, 0))
    assert (preprocessed(clear, 56) == 255).all()


def test_images_of_several_sizes_are_brought_together() -> None:
    small, large = np.zeros((14, 28, 3), np.uint8), np.zeros((28, 42, 3), np.uint8)
    first, second = together([small, large])
    assert first.shape == second.shape == (28, 42, 3)
    assert (first[:7] == 255).all() and (first[7:21, 7:35] == 0).all()


def test_intrinsics_follow_resize_and_crop() -> None:
    camera = Intrinsics(600, 600, 239.5, 319.5, 480, 640)
    cut = Layout.of(480, 640, 518).intrinsics(camera)
    assert (cut.width, cut.height) == (518, 518)
    assert cut.fx == pytest.approx(600 * 518 / 480)
    assert cut.cx == pytest.approx(258.5) and cut.cy == pytest.approx(258.5)


def test_squares_are_not_squeezed_for_evaluation() -> None:
    with pytest.raises(InputError, match="square"):
        for_evaluation(Image.new("RGB", (50, 50)), 518, crop=False)
    assert for_evaluation(Image.new("RGB", (50, 50)), 518, crop=True).shape == (388, 518, 3)


def test_tensor_range() -> None:
    tensor = as_tensor(np.array([[[0, 255, 51]]], np.uint8))
    torch.testing.assert_close(tensor.flatten(), torch.tensor([0.0, 1.0, 0.2]))


@pytest.mark.parametrize("largest", range(4))
def test_quaternions_survive_every_branch(largest: int) -> None:
    quaternion = torch.full((4,), 0.1, dtype=torch.float64)
    quaternion[largest] = 1.0
    quaternion /= quaternion.norm()
    sign = 1 if quaternion[3] >= 0 else -1
    torch.testing.assert_close(quaternion_xyzw(rotation(3 * quaternion)), sign * quaternion)


def test_pose_encodings_go_back_and_forth() -> None:
    encoding = torch.tensor([1.0, -2.0, 0.5, 0.2, -0.4, 0.1, 0.8, 0.9, 1.2])
    encoding[3:7] /= encoding[3:7].norm()
    pose, camera = extrinsics(encoding), intrinsics(encoding, 392, 518)
    assert camera[0, 2] == 259 and camera[1, 2] == 196
    torch.testing.assert_close(encoded(pose, camera, 392, 518), encoding)


def test_unprojected_points_project_back() -> None:
    encoding = torch.tensor([0.3, 0.1, -0.2, 0.1, 0.2, -0.1, 0.9, 0.8, 1.0])
    pose, camera = extrinsics(encoding), intrinsics(encoding, 14, 28)
    depth = torch.rand(14, 28) + 1
    points = unprojected(depth, pose, camera)
    seen = points @ pose[:, :3].T.double() + pose[:, 3]
    pixels = seen @ camera.T.double()
    torch.testing.assert_close(seen[..., 2].float(), depth)
    columns = torch.arange(28, dtype=torch.float64).expand(14, -1)
    torch.testing.assert_close(pixels[..., 0] / pixels[..., 2], columns, atol=1e-4, rtol=1e-4)
