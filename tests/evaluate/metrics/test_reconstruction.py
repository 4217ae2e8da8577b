"""Clouds whose distance is known beforehand."""

from __future__ import annotations

import numpy as np
import pytest

from mapper.errors import InputError
from mapper.evaluate.metrics.reconstruction import Normalisation, along_z, cloud_errors

RNG = np.random.default_rng(0)
PLANE = np.stack([*(RNG.uniform(-1, 1, (2, 4000))), np.full(4000, 3.0)], 1).astype(np.float32)
BUMPS = PLANE + np.stack([0 * PLANE[:, 0], 0 * PLANE[:, 0], np.sin(5 * PLANE[:, 0])], 1) * 0.2


def test_equal_clouds_have_no_error() -> None:
    errors = cloud_errors(BUMPS, BUMPS, 0.1)
    assert max(errors.accuracy, errors.completeness) < 1e-12
    assert errors.normal == pytest.approx(1)
    assert errors.icp_fitness == 1


def test_a_small_shift_is_taken_out_by_icp_and_a_large_one_is_not() -> None:
    near = cloud_errors(BUMPS + along_z(0.03), BUMPS, 0.1)
    far = cloud_errors(PLANE + along_z(0.5), PLANE, 0.1)
    assert near.accuracy_median < 1e-3
    assert far.accuracy_median == pytest.approx(0.5, rel=1e-3)
    assert far.icp_fitness == 0


def test_half_a_surface_is_accurate_but_not_complete() -> None:
    half = BUMPS[BUMPS[:, 0] < 0]
    errors = cloud_errors(half, BUMPS, 0.1)
    assert errors.accuracy < 1e-6
    assert errors.completeness == pytest.approx(0.25, rel=0.1)  # half the points, 0 to 1 m away


def test_normalisation_undoes_scale_and_depth_shift() -> None:
    predicted = (0.25 * BUMPS + along_z(0.7)).astype(np.float32)
    normalisation = Normalisation.of(BUMPS.astype(np.float32), predicted)
    ours, true = normalisation.scaled(predicted), normalisation.centred(BUMPS)
    assert np.abs(ours - true).max() < 1e-5
    assert normalisation.gt_scale / normalisation.pred_scale == pytest.approx(4, rel=1e-4)


def test_too_few_points_are_refused() -> None:
    with pytest.raises(InputError, match="too few"):
        cloud_errors(BUMPS[:20], BUMPS, 0.1)
