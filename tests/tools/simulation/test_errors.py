"""The simulated errors: as large, as slow and as repeatable as their options say."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy.stats import spearmanr
from simulation.confidence import SimulatedConfidence
from simulation.config import (
    ConfidenceConfig,
    DepthErrorConfig,
    DriftConfig,
    OutlierConfig,
    SimulationConfig,
    TailConfig,
)
from simulation.depth_errors import DepthErrors, smear_edges
from simulation.drift import simulate_drift
from simulation.outliers import MovingOutliers
from simulation.processes import (
    Stream,
    blurred_noise,
    correlated_noise,
    generator,
    with_tails,
)

from mapper.errors import ConfigError


def test_correlated_noise_has_unit_variance_and_the_asked_correlation() -> None:
    noise = correlated_noise(np.random.default_rng(0), 400, 500, 10.0)
    assert noise[0].std() == pytest.approx(1, abs=0.1)  # stationary from the start
    assert noise.std() == pytest.approx(1, abs=0.02)
    assert (noise[10:] * noise[:-10]).mean() == pytest.approx(np.exp(-1), abs=0.03)


def test_noise_without_correlation_is_white() -> None:
    noise = correlated_noise(np.random.default_rng(0), 2000, 5, 0.0)
    assert (noise[1:] * noise[:-1]).mean() == pytest.approx(0, abs=0.03)


def test_a_longer_run_begins_with_the_shorter_one() -> None:
    short, long = (correlated_noise(generator(3, Stream.WARP), n, 4, 7.0) for n in (20, 50))
    np.testing.assert_allclose(long[:20], short, rtol=1e-12)


def test_tails_leave_the_middle_half_as_large_and_the_order_as_it_was() -> None:
    normal = np.random.default_rng(0).standard_normal(20000)
    grown = with_tails(normal, TailConfig(0.5))
    assert np.median(np.abs(grown)) == pytest.approx(0.6745, rel=0.02)
    assert (np.diff(grown[np.argsort(normal)]) >= 0).all()
    assert 0.06 < (np.abs(grown) > 3).mean() < 0.12  # of normal ones 0.003
    cut = with_tails(normal, TailConfig(0.5, 4.0))
    assert np.abs(cut).max() == 4 and (cut[np.abs(grown) < 4] == grown[np.abs(grown) < 4]).all()
    assert with_tails(normal, TailConfig()) is normal


@pytest.mark.parametrize("extent", [3.0, 7.5])
def test_noise_is_alike_as_far_as_asked(extent: float) -> None:
    noise = np.stack([blurred_noise(np.random.default_rng(k), (60, 80), extent) for k in range(40)])
    assert noise.dtype == np.float32 and noise.std((0, 1, 2)) == pytest.approx(1, rel=0.05)
    corner, middle = noise[:, :5, :5].std(), noise[:, 28:33, 38:43].std()
    assert corner == pytest.approx(middle, rel=0.25)
    gaps = [int(np.floor(extent)), int(np.ceil(extent))]
    near, far = ((noise[..., g:] * noise[..., :-g]).mean() for g in (gaps[0], gaps[-1]))
    assert far - 0.05 <= np.exp(-1) <= near + 0.05


def test_pixels_err_as_their_neighbours_do_and_some_of_them_far() -> None:
    config = DepthErrorConfig(
        bias=0.0, warp=0.0, noise=0.04, noise_extent=0.1, noise_tails=TailConfig(0.6, 10.0)
    )
    errors = DepthErrors(config, 0, 0, 30)
    maps = np.array([errors.log_error(k, 60, 80) for k in range(30)])
    assert np.median(np.abs(maps)) == pytest.approx(0.6745 * 0.04, rel=0.1)
    assert np.abs(maps).max() == pytest.approx(0.4, rel=0.01)
    assert (np.sign(maps[..., 1:]) == np.sign(maps[..., :-1])).mean() > 0.9


def test_some_motions_are_far_off() -> None:
    plain = DriftConfig(correlation_frames=0.0)
    tailed = replace(plain, rotation_tails=TailConfig(0.6), translation_tails=TailConfig(0.0, 0.0))
    poses = np.tile(np.eye(4), (4000, 1, 1))
    usual, seldom = (simulate_drift(poses, each, 0).T_previous_frame for each in (plain, tailed))
    turns = [np.abs(T[1:, 2, 1]) for T in (usual, seldom)]
    assert np.median(turns[1]) == pytest.approx(np.median(turns[0]), rel=0.05)
    assert turns[1].max() > 5 * turns[0].max()
    np.testing.assert_array_equal(usual[:, :3, 3], seldom[:, :3, 3])


def test_a_coarse_model_is_as_sure_of_its_errors_as_a_fine_one() -> None:
    """Confidence is told by the typical error, not by metres or percents."""
    error = np.random.default_rng(0).normal(0, 0.01, (40, 50)).astype(np.float32)
    exact, coarse = (
        SimulatedConfidence(ConfidenceConfig(typical_error=size), 0, 0, 1) for size in (0.015, 0.15)
    )
    outlier = np.zeros(error.shape, bool)
    np.testing.assert_allclose(
        coarse.of(0, 10 * error, outlier), exact.of(0, error, outlier), rtol=1e-4
    )


def test_bias_has_its_size_and_warp_varies_over_the_image() -> None:
    still = DepthErrorConfig(warp=0.0, noise=0.0, bias=0.02, bias_correlation_frames=0.0)
    errors = DepthErrors(still, 0, 0, 400)
    maps = np.array([errors.log_error(i, 6, 8) for i in range(400)])
    assert maps[:, 0, 0].std() == pytest.approx(0.02, rel=0.15)
    assert np.ptp(maps, axis=(1, 2)).max() < 1e-6
    warped = DepthErrors(replace(still, bias=0.0, warp=0.02), 0, 0, 1).log_error(0, 60, 80)
    assert np.ptp(warped) > 0.01
    assert np.abs(np.diff(warped, axis=1)).max() < 0.1 * np.ptp(warped)  # smooth


def test_errors_but_the_pixels_noise_are_the_same_at_every_resolution() -> None:
    smooth = DepthErrors(replace(DepthErrorConfig(), noise=0.0), 5, 0, 10)
    coarse, fine = smooth.log_error(7, 30, 40), smooth.log_error(7, 120, 160)
    blocks = fine.reshape(30, 4, 40, 4).mean((1, 3))
    np.testing.assert_allclose(blocks, coarse, atol=1e-3)


def test_each_error_draws_apart() -> None:
    """More noise leaves the bias as it was, and segments have errors of their own."""
    a, b = (DepthErrors(replace(DepthErrorConfig(), noise=n), 1, 0, 5) for n in (0.0, 0.01))
    difference = b.log_error(4, 50, 60) - a.log_error(4, 50, 60)
    assert difference.std() == pytest.approx(0.01, rel=0.1)
    assert abs(difference.mean()) < 0.001
    other = DepthErrors(replace(DepthErrorConfig(), noise=0.0), 1, 1, 5)
    assert not np.allclose(other.log_error(4, 5, 6), a.log_error(4, 5, 6), atol=1e-3)


def test_flying_pixels_stand_between_the_surfaces_and_nowhere_else() -> None:
    depth = np.full((20, 30), 1.0, np.float32)
    depth[:, 15:] = 2.0
    depth[5, 15] = 0.0
    smeared = smear_edges(depth, 1)
    flying = (smeared > 1.05) & (smeared < 1.95)
    assert flying[10, 14:16].all()
    assert not flying[:, :12].any() and not flying[:, 18:].any()
    assert smeared[5, 15] == 0
    assert smeared[depth > 0].min() >= 1 - 1e-5 and smeared.max() <= 2 + 1e-5
    assert smear_edges(depth, 0) is depth


def test_confidence_tells_some_of_the_error_and_distrusts_outliers() -> None:
    rng = np.random.default_rng(0)
    error = np.exp(rng.normal(-4, 1, (12, 16))).repeat(10, 0).repeat(10, 1)
    outlier = np.zeros(error.shape, bool)
    error = error.astype(np.float32)
    simulated = SimulatedConfidence(ConfidenceConfig(), 0, 0, 1)
    confidence = simulated.of(0, error, outlier)
    assert confidence.dtype == np.float32 and confidence.min() >= 1
    assert -0.85 < spearmanr(error.ravel(), confidence.ravel())[0] < -0.35
    distrusted = simulated.of(0, error, ~outlier)
    np.testing.assert_allclose(distrusted - 1, 0.5 * (confidence - 1), rtol=1e-3)


def test_outliers_move_cover_their_area_and_come_back() -> None:
    config = OutlierConfig(count=1, radius=0.1, speed=0.02, log_offset=0.5)
    blobs = MovingOutliers(config, 0)
    maps = np.array([blobs.log_offset(i, 60, 80) for i in range(600)])
    seen = (maps != 0).any((1, 2))
    assert seen[:300].any() and seen[300:].any()
    assert np.abs(maps[maps != 0]).min() >= 0.25 and np.abs(maps).max() <= 0.5
    # An ellipse of at most 1.6 times its width; 80 pixels are one width.
    assert (maps != 0).sum((1, 2)).max() <= np.pi * 1.6 * 8**2 * 1.1
    assert not np.array_equal(maps[0], maps[20])
    assert not MovingOutliers(replace(config, count=0), 0).log_offset(0, 6, 8).any()


@pytest.mark.parametrize(
    ("changes", "name"),
    [
        ({"width": 4}, "width"),
        ({"reset_every": 1}, "reset_every"),
        ({"reset_scale": (0.0, 1.0)}, "reset_scale"),
        ({"focal_error": -1.0}, "focal_error"),
    ],
)
def test_impossible_options_are_refused(changes: dict, name: str) -> None:
    with pytest.raises(ConfigError, match=name):
        SimulationConfig(**changes)
