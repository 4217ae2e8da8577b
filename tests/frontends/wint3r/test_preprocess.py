"""Sizes, values, edges and poses of WinT3R, from their definitions."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.spatial.transform import Rotation

from mapper.core.intrinsics import Intrinsics
from mapper.frontends.wint3r.edges import depth_edges, kept_points
from mapper.frontends.wint3r.point_head import plane_coordinates
from mapper.frontends.wint3r.poses import pose_matrix, pose_of_matrix, relative
from mapper.frontends.wint3r.positions import RotaryPrecision, encoder_rope
from mapper.frontends.wint3r.preprocess import as_tensor, inside, layout_of, preprocessed

# Sources and the network's sizes, as recorded of the reference's loader.
SIZES = (
    ((640, 480), (512, 384), (512, 384)),
    ((641, 479), (512, 383), (512, 336)),
    ((1920, 1080), (512, 288), (512, 288)),
    ((1080, 1920), (288, 512), (288, 512)),
    ((480, 640), (384, 512), (384, 512)),
    ((512, 512), (512, 512), (512, 384)),
    ((333, 500), (341, 512), (336, 512)),
    ((1000, 375), (512, 192), (512, 224)),
    ((300, 90), (512, 154), (512, 224)),
    ((90, 300), (154, 512), (224, 512)),
    ((100, 75), (512, 384), (512, 384)),
    ((1242, 375), (512, 155), (512, 224)),
    ((513, 337), (512, 336), (512, 336)),
)


@pytest.mark.parametrize(("source", "resized", "target"), SIZES)
def test_images_get_the_recorded_sizes(
    source: tuple[int, int], resized: tuple[int, int], target: tuple[int, int]
) -> None:
    layout = layout_of(*source)
    assert (layout.resized, layout.cropped) == (resized, target)
    image = preprocessed(np.full((source[1], source[0], 3), 200, np.uint8))
    assert image.shape[:2] == target[::-1] == inside(layout).shape
    assert ((image[..., 0] == 200) == inside(layout)).all()  # black is added, and known as such
    assert as_tensor(image).shape == (1, 3, *target[::-1])


def test_the_camera_follows_the_image() -> None:
    layout = layout_of(1242, 375)
    camera = layout.intrinsics(Intrinsics(700.0, 700.0, 620.5, 187.0, 1242, 375))
    assert (camera.width, camera.height) == (512, 224)
    # 155 rows are set into 224: 112 - 77 = 35 of them lie above the image.
    assert camera.cy == pytest.approx((187.0 + 0.5) * 155 / 375 - 0.5 + 35)


def test_values_are_normalised_as_imagenet() -> None:
    red = as_tensor(np.full((1, 1, 3), 255, np.uint8))[0, :, 0, 0]
    expected = [(1 - m) / s for m, s in ((0.485, 0.229), (0.456, 0.224), (0.406, 0.225))]
    np.testing.assert_allclose(red, expected, rtol=1e-6)


def test_an_edge_is_where_depth_changes_by_a_twentieth() -> None:
    depth = torch.full((1, 5, 6), 2.0)
    depth[:, :, 3:] = 2.09  # 4.5 % of 2, 4.3 % of 2.09
    assert not depth_edges(depth).any()
    depth[:, :, 3:] = 2.2
    columns = depth_edges(depth)[0].any(0).tolist()
    assert columns == [False, False, True, True, False, False]
    assert kept_points(depth).sum() == 20 and kept_points(depth, 0.0).all()
    depth[0, 0, 0] = 600.0
    assert not kept_points(depth, 0.0)[0, 0, 0]
    depth[0, 2, 0] = torch.inf
    assert depth_edges(depth)[0, 3, 1] and not kept_points(depth)[0, 2, 0]


def test_quaternions_of_any_length_are_the_same_rotation() -> None:
    quaternion = Rotation.from_rotvec([0.3, -0.5, 0.8]).as_quat()
    for length in (1.0, 0.2, -3.0):
        pose = torch.tensor([1.0, 2.0, 3.0, *(length * quaternion)], dtype=torch.float64)
        T = pose_matrix(pose)
        np.testing.assert_allclose(T[:3, :3], Rotation.from_quat(quaternion).as_matrix())
        np.testing.assert_allclose(T[:3, 3], [1, 2, 3])
        np.testing.assert_allclose(pose_of_matrix(T)[3:], quaternion, atol=1e-12)


def test_relative_poses_compose() -> None:
    generator = torch.Generator().manual_seed(7)
    a, b = torch.randn(2, 7, generator=generator, dtype=torch.float64)
    expected = torch.linalg.inv(pose_matrix(a)) @ pose_matrix(b)
    torch.testing.assert_close(pose_matrix(relative(a, b)), expected)
    lengths = relative(a, b)[3:].norm() - a[3:].norm() * b[3:].norm()
    assert lengths.abs() < 1e-12
    torch.testing.assert_close(relative(a, a)[:6], torch.zeros(6, dtype=torch.float64))


def test_the_plane_ends_half_a_cell_before_the_unit_circle() -> None:
    plane = plane_coordinates(3, 4, 4 / 3)
    # The corner of a 4:3 image is at (0.8, 0.6); the centre of its cell half a cell nearer.
    np.testing.assert_allclose(plane[-1, -1], [0.8 * 3 / 4, 0.6 * 2 / 3], rtol=1e-6)
    np.testing.assert_allclose(plane, -plane.flip(0, 1), atol=1e-7)


def test_the_two_precisions_round_differently_and_little() -> None:
    device = torch.device("cpu")
    query = torch.randn(1, 12, 2, 16, generator=torch.Generator().manual_seed(8))
    kernel, fallback = (
        encoder_rope((3, 4), 16, device, precision).rotate(query) for precision in RotaryPrecision
    )
    assert torch.equal(kernel, kernel.half().float()) and not torch.equal(kernel, fallback)
    # Eleven bits of mantissa: 5e-4 of values up to 4, in the angle once more.
    assert (kernel - fallback).abs().max() < 1e-2
    np.testing.assert_allclose(kernel.norm(dim=-1), query.norm(dim=-1), rtol=2e-3)
