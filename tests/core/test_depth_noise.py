"""How far depths can be trusted follows from their noise, or from the scene."""

from __future__ import annotations

import numpy as np
import pytest

from mapper.core.depth_noise import (
    LEARNED,
    NOISE_BY_KIND,
    STEREO,
    STRUCTURED_LIGHT,
    TRUSTED_SIGMA,
    DepthNoise,
    depth_confidence,
    trusted_depth,
)


def test_depth_at_turns_sigma_around() -> None:
    for sigma in (0.002, 0.02, 0.1):
        assert STRUCTURED_LIGHT.sigma(STRUCTURED_LIGHT.depth_at(sigma)) == pytest.approx(sigma)
    assert DepthNoise(0.01, 0.0, 0.0).depth_at(0.02) == np.inf
    for noise in NOISE_BY_KIND.values():
        assert noise.is_measured
        assert noise.sigma(noise.depth_at(0.02)) == pytest.approx(0.02)


def test_noise_by_powers_of_the_depth_is_the_same_polynomial() -> None:
    noise = DepthNoise.of_powers(0.002, 0.003, 0.004)
    for z in (0.5, 2.0, 5.0):
        assert noise.sigma(z) == pytest.approx(0.002 + 0.003 * z + 0.004 * z * z, rel=1e-5)


def test_a_depth_camera_is_trusted_to_the_end_of_its_range_whatever_it_sees() -> None:
    for depth in (0.5, 20.0):
        limit = trusted_depth(np.full((60, 80), depth, np.float32), STRUCTURED_LIGHT)
        assert np.float32(limit) == np.float32(5.0)
    assert pytest.approx(0.04, abs=0.002) == TRUSTED_SIGMA
    better = DepthNoise(0.001, 0.0, 0.0005)
    assert trusted_depth(np.zeros((60, 80), np.float32), better) > 9
    assert trusted_depth(np.zeros((60, 80), np.float32), STEREO) == 5.0  # 10 cm there


@pytest.mark.parametrize(("median", "limit"), [(0.4, 5.0), (2.0, 5.0), (4.0, 10.0), (14.0, 35.0)])
def test_a_network_is_trusted_by_what_it_sees(median: float, limit: float) -> None:
    depth = np.full((60, 80), median, np.float32)
    depth[:20] = np.nan  # the sky, and pixels without an answer
    depth[20:30] = 0
    depth[30:35] = 1000
    assert trusted_depth(depth, LEARNED) == pytest.approx(limit)
    assert trusted_depth(np.zeros_like(depth), LEARNED) == 5.0


def test_sigma_is_the_sum_of_its_three_parts() -> None:
    assert DepthNoise(0.5, 0.0, 0.0).sigma(3.4) == pytest.approx(0.5)
    assert DepthNoise(0.0, 0.5, 0.0).sigma(3.4) == pytest.approx(1.7)
    assert DepthNoise(0.0, 0.0, 0.5).sigma(3.4) == pytest.approx(4.5)  # 0.5 * (3.4 - 0.4)^2
    assert DepthNoise(0.5, 0.5, 0.5).sigma(3.4) == pytest.approx(6.7)


def test_confidence_falls_with_the_variance_and_is_one_at_one_unit() -> None:
    depth = np.array([[1.0, 2.0], [0.0, np.nan], [4.0, -1.0]], np.float32)
    expected = np.array(
        [[1, 1 / 4], [0, 0], [1 / 16, 0]]
    )  # where sigma grows in proportion to the depth
    np.testing.assert_allclose(depth_confidence(depth, LEARNED.coefficients), expected, rtol=1e-6)
    ratio = STRUCTURED_LIGHT.sigma(1.0) / STRUCTURED_LIGHT.sigma(2.0)
    measured = depth_confidence(depth, STRUCTURED_LIGHT.coefficients)
    assert measured[0, 1] == pytest.approx(ratio**2, rel=1e-5)


def test_a_quadratic_part_of_next_to_nothing_changes_nothing() -> None:
    """As the scatter about planes gives it: a difference of roots made a range of 0 of it."""
    without = DepthNoise(0.0006, 0.0012, 0.0)
    for nothing in (1e-25, 1e-15):
        noise = DepthNoise(0.0006, 0.0012, nothing)
        assert noise.depth_at(0.04) == pytest.approx(without.depth_at(0.04), rel=1e-6)
    assert noise.sigma(noise.depth_at(0.04)) == pytest.approx(0.04, rel=1e-5)
