"""Posed alignment, rays, metres: what they do where the recorded runs do not go."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.spatial.transform import Rotation

from mapper.core.geometry import pose
from mapper.errors import InputError
from mapper.frontends.da3.metric import (
    fitted_pixels,
    metres_per_unit,
    metric_depth,
    with_metric_sky,
)
from mapper.frontends.da3.network import with_far_sky
from mapper.frontends.da3.posed import fit_of, moved
from mapper.frontends.da3.rays import cameras_of_rays
from mapper.frontends.da3.reference_view import reference_view


def cameras(centres: np.ndarray) -> np.ndarray:
    rng = np.random.default_rng(3)
    turns = Rotation.from_rotvec(rng.normal(0, 0.3, (len(centres), 3))).as_matrix()
    return np.stack([pose(R, c) for R, c in zip(turns, centres, strict=True)])


def moved_by(given: np.ndarray, scale: float, R: np.ndarray, t: np.ndarray) -> np.ndarray:
    result = given.copy()
    result[:, :3, :3] = R @ given[:, :3, :3]
    result[:, :3, 3] = scale * given[:, :3, 3] @ R.T + t
    return result


@pytest.mark.parametrize(
    "centres",
    [
        np.random.default_rng(1).normal(size=(5, 3)),
        np.random.default_rng(2).normal(size=(14, 3)),
        np.outer([0.0, 1.0, 2.5, 4.0], [1.0, 0.5, -0.2]),  # on a line
        np.array([[0.0, 0.0, 0.0], [0.3, 0.1, 0.0]]),
    ],
)
def test_given_poses_are_found_in_the_prediction(centres: np.ndarray) -> None:
    given = cameras(centres)
    R = Rotation.from_rotvec([0.2, -0.5, 0.1]).as_matrix()
    predicted = moved_by(given, 0.37, R, np.array([1.0, 2.0, 3.0]))
    fit = fit_of(predicted, given)
    assert fit[0] == pytest.approx(0.37)
    np.testing.assert_allclose(moved(given, fit), predicted, atol=1e-9)


def test_one_place_tells_no_scale() -> None:
    given = cameras(np.zeros((3, 3)))
    with pytest.raises(InputError, match="no scale"):
        fit_of(cameras(np.eye(3)), given)
    with pytest.raises(InputError, match="no scale"):
        fit_of(given[:1], given[:1])


def test_outliers_do_not_count_among_many_views() -> None:
    given = cameras(np.random.default_rng(5).normal(size=(16, 3)))
    predicted = moved_by(given, 2.0, np.eye(3), np.zeros(3))
    predicted[[3, 9], :3, 3] += 5.0
    assert fit_of(predicted, given)[0] == pytest.approx(2.0)


def rays_of(T: np.ndarray, K: np.ndarray, height: int, width: int) -> np.ndarray:
    """(1, h, w, 6); K of half the width and the height."""
    x = np.linspace(-1 + 1 / width, 1 - 1 / width, width)
    y = np.linspace(-1 + 1 / height, 1 - 1 / height, height)
    plane = np.stack([*np.meshgrid(x, y), np.ones((height, width))], -1)
    direction = plane @ np.linalg.inv(K).T @ T[:3, :3].T
    origin = np.broadcast_to(T[:3, 3], direction.shape)
    return np.concatenate([direction, origin], -1)[None]


@pytest.mark.parametrize("principal", [(0.0, 0.0), (0.1, -0.05)])
def test_rays_tell_their_camera(principal: tuple[float, float]) -> None:
    K = np.array([[1.2, 0, principal[0]], [0, 1.6, principal[1]], [0, 0, 1]])
    T = pose(Rotation.from_rotvec([0.1, 0.3, -0.2]).as_matrix(), np.array([0.5, -1.0, 2.0]))
    rays = rays_of(T, K, 12, 16)
    confidence = np.random.default_rng(1).uniform(1, 2, (1, 12, 16))
    found = cameras_of_rays(rays, confidence)
    np.testing.assert_allclose(found.T_world_camera[0], T, atol=1e-6)
    np.testing.assert_allclose(found.focal[0], [1.2, 1.6], atol=1e-6)
    np.testing.assert_allclose(found.principal[0], np.array(principal) + 1, atol=1e-6)
    published = cameras_of_rays(rays, confidence, published=True)
    wrong = np.abs(published.T_world_camera[0, :3, :3] - T[:3, :3]).max()
    assert wrong < 1e-6 if principal == (0.0, 0.0) else wrong > 0.03


def test_metres_by_a_network_of_metres() -> None:
    rng = np.random.default_rng(4)
    depth = rng.uniform(1, 3, (2, 8, 8))
    metres = metric_depth(2.5 * depth / 2, np.array([600.0, 600.0]))
    confidence, sky = rng.uniform(1, 2, depth.shape), np.zeros(depth.shape)
    mask = fitted_pixels(metres, sky, depth, confidence)
    assert 0.4 < mask.mean() < 0.6
    assert metres_per_unit(metres, depth, mask) == pytest.approx(2.5)
    assert not fitted_pixels(metres, sky + 1, depth, confidence).any()


def test_the_sky_is_as_far_as_the_farthest_else() -> None:
    depth, sky = torch.rand(1, 20, 20) + 1, torch.zeros(1, 20, 20)
    sky[:, :3] = 1.0
    far = with_far_sky(depth, sky)
    assert float(far[:, :3].min()) == float(far[:, :3].max()) > 1.9
    assert torch.equal(with_far_sky(depth, torch.zeros_like(sky)), depth)
    assert with_metric_sky(400 * depth.numpy(), sky.numpy())[:, :3].max() == 200


def test_the_reference_view_by_its_likeness() -> None:
    # Of the lengths the middle one is in the middle; likeness and spread are as far off in all.
    tokens = torch.tensor([[[1.0, 0, 0], [2**0.5, 2**0.5, 0], [0, 3, 0]]])
    assert reference_view(tokens, "first").tolist() == [0]
    assert reference_view(tokens, "middle").tolist() == [1]
    assert reference_view(tokens[:, :2], "middle").tolist() == [0]
    assert reference_view(tokens, "saddle_balanced").tolist() == [1]
