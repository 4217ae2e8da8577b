"""Depth errors whose size is known beforehand."""

from __future__ import annotations

import numpy as np
import pytest

from mapper.errors import InputError
from mapper.evaluate.metrics.depth import DepthErrors, depth_errors, pixel_mean, valid_depth

TRUE = np.linspace(1, 9, 101, dtype=np.float32)
ALL = np.ones(101, bool)


def test_a_constant_factor_is_an_equal_relative_error() -> None:
    errors = depth_errors(1.1 * TRUE, TRUE, ALL, "metric")
    assert errors.abs_rel == pytest.approx(0.1, abs=1e-6)
    assert errors.log_rmse == pytest.approx(np.log(1.1), abs=1e-6)
    assert errors.rmse == pytest.approx(0.1 * np.sqrt((TRUE**2).mean()), rel=1e-5)
    assert (errors.delta_1_0, errors.delta_1, errors.valid_pixels) == (0.0, 1.0, 101)


@pytest.mark.parametrize("alignment", ["median", "scale", "scale_shift", "least_squares"])
def test_alignment_takes_a_factor_out(alignment: str) -> None:
    assert depth_errors(0.3 * TRUE, TRUE, ALL, alignment).abs_rel < 1e-4


def test_the_robust_scale_ignores_a_few_outliers_that_least_squares_does_not() -> None:
    predicted = 0.5 * TRUE
    predicted[:5] = 40
    others = np.arange(101) >= 5
    scaled = depth_errors(predicted, TRUE, ALL, "scale")
    assert scaled.delta_1 == pytest.approx(others.mean(), abs=1e-6)
    assert depth_errors(predicted, TRUE, ALL, "least_squares").delta_1 < 0.7


def test_the_median_of_an_even_count_is_the_lower_middle_one() -> None:
    true, predicted = np.array([1, 2, 3, 4], np.float32), np.array([1, 1, 9, 9], np.float32)
    errors = depth_errors(predicted, true, np.ones(4, bool), "median")
    expected = np.abs(2 * predicted - true) / true  # medians 2 and 1
    assert errors.abs_rel == pytest.approx(expected.mean())


def test_depth_at_the_limit_or_unknown_does_not_count() -> None:
    depth = np.array([0, -1, np.nan, np.inf, 5, 70, 69.9], np.float32)
    assert valid_depth(depth, 70).tolist() == [False, False, False, False, True, False, True]
    assert valid_depth(depth).sum() == 3


def test_the_prediction_is_cut_after_the_alignment() -> None:
    true, predicted = np.array([10, 10, 60], np.float32), np.array([1, 1, 9], np.float32)
    errors = depth_errors(predicted, true, np.ones(3, bool), "median", clip=70)
    assert errors.rmse == pytest.approx(10 / np.sqrt(3))  # 90 became 70


def test_no_valid_pixel_is_refused_rather_than_perfect() -> None:
    with pytest.raises(InputError, match="no pixel"):
        depth_errors(TRUE, TRUE, ~ALL, "metric")


def test_the_mean_is_weighted_by_valid_pixels() -> None:
    few, many = (DepthErrors(value, 0, 0, 0, 0, 0, 0, 0, n) for value, n in ((1.0, 10), (0.0, 90)))
    mean = pixel_mean([few, many])
    assert (mean.abs_rel, mean.valid_pixels) == (pytest.approx(0.1), 100)
