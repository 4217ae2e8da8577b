"""CUT3R's preprocessing, focal lengths and poses."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from mapper.core.intrinsics import Intrinsics
from mapper.errors import InputError
from mapper.frontends.cut3r.pose_encoding import (
    chained,
    pose_encoding,
    pose_matrix,
    weighted_rigid_fit,
)
from mapper.frontends.cut3r.preprocess import Layout, as_tensor, preprocessed, read_image
from mapper.vision.pointmap_focal import median_focal, weiszfeld_focal


@pytest.mark.parametrize(
    ("size", "model", "expected"),
    [
        ((640, 480), 512, (512, 384)),
        ((480, 640), 512, (384, 512)),
        ((300, 300), 512, (512, 384)),  # squares are cut to 4:3
        ((700, 200), 512, (512, 144)),
        ((640, 480), 224, (224, 224)),
    ],
)
def test_sizes(size: tuple[int, int], model: int, expected: tuple[int, int]) -> None:
    assert Layout.of(*size, model).cropped == expected
    assert preprocessed(Image.new("RGB", size), model).shape == (expected[1], expected[0], 3)


def test_slivers_are_refused() -> None:
    with pytest.raises(InputError, match="too narrow"):
        Layout.of(4000, 60, 512)


def test_squares_cannot_be_squeezed() -> None:
    with pytest.raises(InputError, match="square"):
        preprocessed(Image.new("RGB", (300, 300)), 512, crop=False)


def test_a_broken_file_is_named(tmp_path: Path) -> None:
    path = tmp_path / "broken.png"
    path.write_bytes(b"no image")
    with pytest.raises(InputError, match=r"broken.png"):
        read_image(path)


def test_intrinsics_follow_resize_and_crop() -> None:
    camera = Intrinsics(600, 600, 319.5, 239.5, 640, 480)
    cut = Layout.of(640, 480, 224).intrinsics(camera)
    assert (cut.width, cut.height) == (224, 224)
    assert cut.fx == pytest.approx(600 * 299 / 640)
    # The centre of the image stays the centre of the crop, up to the pixel that 299 is odd by.
    assert abs(cut.cx - 111.5) <= 0.5 and cut.cy == pytest.approx(111.5)


def test_tensor_range() -> None:
    tensor = as_tensor(np.array([[[0, 255, 51]]], np.uint8))
    torch.testing.assert_close(tensor.flatten(), torch.tensor([-1.0, 1.0, -0.6]))


def test_focal_of_a_perfect_camera_survives_outliers() -> None:
    focal, height, width = 80.0, 30, 40
    rows, columns = torch.meshgrid(torch.arange(30.0), torch.arange(40.0), indexing="ij")
    depth = torch.rand(height, width, generator=torch.Generator().manual_seed(0)) + 1
    pointmap = torch.stack([(columns - 20) / focal * depth, (rows - 15) / focal * depth, depth], -1)
    pointmap[::7, ::7] *= torch.tensor([3.0, -2.0, 1.0])
    pointmap[0, 0] = 0
    centre = torch.tensor([[20.0, 15.0]])
    assert float(weiszfeld_focal(pointmap[None], centre)) == pytest.approx(focal, rel=1e-3)
    assert float(median_focal(pointmap[None], centre)) == pytest.approx(focal, rel=1e-3)


def test_pose_encoding_round_trip() -> None:
    encoding = torch.tensor([[1.0, 2.0, 3.0, 0.5, -0.5, 0.5, 0.5]])
    T = pose_matrix(2 * encoding - torch.tensor([1.0, 2.0, 3.0, 0, 0, 0, 0]))  # any length will do
    np.testing.assert_allclose(pose_encoding(T.numpy()), encoding.numpy(), atol=1e-6)


def test_chained_chunks_share_their_overlap_frame() -> None:
    step = torch.eye(4)
    step[0, 3] = 1.0
    poses = [torch.eye(4), step, step, step @ step]
    # The second frame ends its chunk, and is the origin of the next one.
    world = chained(poses, [False, True, False, False])
    assert [float(T[0, 3]) for T in world] == [0, 1, 2, 3]


def test_rigid_fit_recovers_a_pose_and_ignores_weightless_points() -> None:
    generator = torch.Generator().manual_seed(1)
    source = torch.randn(1, 50, 3, generator=generator)
    T = pose_matrix(torch.tensor([[0.3, -1.0, 2.0, 0.9, 0.1, -0.2, 0.3]]))
    target = source @ T[:, :3, :3].transpose(1, 2) + T[:, None, :3, 3]
    weights = torch.ones(1, 50)
    target[:, :5] += 10
    weights[:, :5] = 0
    torch.testing.assert_close(weighted_rigid_fit(source, target, weights), T, atol=1e-5, rtol=1e-5)
