"""Edges and poses of WinT3R, from their definitions."""

from __future__ import annotations

import numpy as np
import torch

from mapper.frontends.wint3r.edges import depth_edges, kept_points
from mapper.frontends.wint3r.point_head import plane_coordinates
from mapper.frontends.wint3r.poses import pose_matrix, relative
from mapper.frontends.wint3r.positions import RotaryPrecision, encoder_rope


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
