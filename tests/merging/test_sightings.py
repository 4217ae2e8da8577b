"""A keyframe that pixels placed is tied to where they put it, in the units of both ends."""

from __future__ import annotations

from types import SimpleNamespace
from typing import cast

import numpy as np
import pytest

from mapper.core.geometry import exp_se3
from mapper.core.sim3 import inverse_similarity, scale_of
from mapper.localization.refinement import UNSEEN_BY_FEATURES
from mapper.localization.sighting import Sighting
from mapper.merging.sightings import LEAST, sighted_edge

SCALE = 2.5  # metres a unit of the network's run


def test_the_edge_leads_to_where_the_pixels_put_it_and_keeps_the_scale() -> None:
    rng = np.random.default_rng(3)
    T_i, T_j, T_found = (exp_se3(rng.normal(size=6)) for _ in range(3))
    S_j = T_j @ np.diag([SCALE, SCALE, SCALE, 1.0])
    covariance = np.diag([1e-4] * 3 + [0.02**2] * 3)
    refined = SimpleNamespace(T_world_camera=T_found, covariance=covariance)
    edge = sighted_edge(cast(Sighting, SimpleNamespace(refined=refined)), (4, 9), T_i, S_j)
    assert (edge.i, edge.j) == (4, 9)
    there = T_i @ edge.S_i_j
    assert scale_of(there) == pytest.approx(SCALE)
    np.testing.assert_allclose(there[:3, 3], T_found[:3, 3], atol=1e-12)
    np.testing.assert_allclose(there[:3, :3] / SCALE, T_found[:3, :3], atol=1e-12)
    np.testing.assert_allclose(inverse_similarity(T_i) @ there, edge.S_i_j, atol=1e-12)
    sigmas = np.sqrt(np.diag(np.linalg.inv(edge.information)))
    metres = np.hypot(UNSEEN_BY_FEATURES * 0.02, LEAST[1])
    np.testing.assert_allclose(sigmas[3:6], metres / SCALE)
    np.testing.assert_allclose(sigmas[:3], np.hypot(UNSEEN_BY_FEATURES * 0.01, LEAST[0]))
    assert sigmas[6] == pytest.approx(1.0)
