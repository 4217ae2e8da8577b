"""A depth camera's own images tell how noisy it is."""

from __future__ import annotations

import numpy as np
import pytest

from mapper.core.depth_noise import NOISE_BY_KIND, STRUCTURED_LIGHT, DepthNoise
from mapper.vision.noise_estimate import estimate_noise, estimated_noise

HEIGHT, WIDTH = 240, 320
ROWS, COLUMNS = np.mgrid[0:HEIGHT, 0:WIDTH]


def corridor() -> np.ndarray:
    """Floor and wall from 1 to 5 m, with furniture on a quarter of the view and no reading here
    and there; float32 (H, W)."""
    floor = 1.2 / np.maximum((ROWS - 60) / 200, 0.2)
    wall = 1.0 / (0.18 + 0.8 * COLUMNS / WIDTH)
    depth = np.minimum(floor, wall)
    ripples = 0.15 * np.sin(COLUMNS / 2.0) * np.sin(ROWS / 2.5)
    depth = np.where(COLUMNS > 0.75 * WIDTH, depth * (1 + ripples), depth)
    depth[::7, ::5] = 0
    return depth.astype(np.float32)


def seen_by(noise: DepthNoise, depth: np.ndarray, seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    sigma = noise.floor + noise.relative * depth + noise.quadratic * (depth - 0.4) ** 2
    noisy = depth + sigma * rng.standard_normal(depth.shape)
    return np.where(depth > 0, noisy, 0).astype(np.float32)


@pytest.mark.parametrize("kind", NOISE_BY_KIND)
def test_each_kind_of_camera_is_told_by_its_own_depth(kind: str) -> None:
    true = next(noise for name, noise in NOISE_BY_KIND.items() if name == kind)
    depth = corridor()
    found = estimate_noise(seen_by(true, depth, seed) for seed in range(6))
    assert found is not None and found.is_measured
    for z in (1.2, 2.0, 4.0):
        assert found.sigma(z) == pytest.approx(true.sigma(z), rel=0.25)


def test_a_wall_at_one_distance_tells_only_the_scale() -> None:
    wall = np.full((HEIGHT, WIDTH), 2.0, np.float32)
    noisier = DepthNoise(2 * STRUCTURED_LIGHT.floor, 0.0, 2 * STRUCTURED_LIGHT.quadratic)
    found = estimate_noise([seen_by(noisier, wall)])
    assert found is not None
    assert found.sigma(4.0) == pytest.approx(noisier.sigma(4.0), rel=0.15)


def test_enlarged_depth_is_no_less_noisy() -> None:
    true = NOISE_BY_KIND["lidar"]
    small = seen_by(true, corridor())
    found = estimate_noise([small.repeat(4, axis=0).repeat(4, axis=1)])
    assert found is not None and found.sigma(2.0) == pytest.approx(true.sigma(2.0), rel=0.25)


def test_without_flat_depth_the_first_kinect_is_assumed_and_said() -> None:
    rng = np.random.default_rng(0)
    clutter = rng.uniform(0.5, 4.0, (HEIGHT, WIDTH)).astype(np.float32)
    for depths in ([], [np.zeros((HEIGHT, WIDTH), np.float32)], [clutter]):
        assert estimate_noise(depths) is None
        camera = estimated_noise(depths)
        assert (camera.kind, camera.noise) == ("structured-light", STRUCTURED_LIGHT)
        assert "does not tell" in camera.in_words
