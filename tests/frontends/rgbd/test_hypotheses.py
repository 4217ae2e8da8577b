"""Where nothing but noise holds a view, the motion so far does."""

from __future__ import annotations

import numpy as np
import pytest

from mapper.core.geometry import exp_se3
from mapper.frontends.rgbd.hypotheses import HypothesisMaker
from mapper.vision.dense_alignment import AlignmentConfig, PosePrior, align
from tests.support.views.bare_walls import corner, wall

CONFIG = AlignmentConfig()


def test_the_motion_so_far_holds_what_slides() -> None:
    """The camera stood still; the start is 6 cm further up the edge, where it would stay."""
    tight = np.diag([1 / 0.01**2] * 3 + [1 / 0.01**2] * 3)
    prior = PosePrior(np.eye(4), tight)
    maker = HypothesisMaker(corner(0), corner(1), CONFIG, (0.025, 0.02), prior)
    tried = maker(exp_se3(np.array([0, 0, 0, 0, 0.06, 0])), prior)
    assert tried.is_held
    assert np.linalg.norm(tried.T_reference_camera[:3, 3]) < 0.02
    sigma = np.sqrt(np.linalg.eigvalsh(tried.aligned.covariance[3:, 3:])[-1])
    assert 0.005 < sigma < 0.02


@pytest.mark.parametrize("seed", range(6))
def test_noise_upon_a_bare_wall_tells_no_place_along_it(seed: int) -> None:
    """It holds the camera here and there; nowhere does that explain more than elsewhere."""
    turned = np.radians(2.0)
    turn = exp_se3(np.array([0, turned, 0, 0, 0, 0]))
    prior = PosePrior(turn, np.diag([1e4] * 3 + [5e3] * 3))
    views = wall(2 * seed, 0.0), wall(2 * seed + 1, turned)
    tried = HypothesisMaker(*views, CONFIG, (0.025, 0.02), prior)(turn, prior)
    assert tried.is_held
    assert np.linalg.norm(tried.T_reference_camera[:3, 3]) < 0.01


def test_what_views_tell_along_a_slide_is_not_trusted() -> None:
    views = corner(0), corner(1)
    prior = np.diag([1e2] * 6)
    up = np.array([[0, 0, 0, 0, 1.0, 0]])
    free = align(*views, np.eye(4), CONFIG, prior=PosePrior(np.eye(4), prior))
    held = align(*views, np.eye(4), CONFIG, prior=PosePrior(np.eye(4), prior, up))
    share = 100.0 / held.inliers
    assert up[0] @ held.information[:6, :6] @ up[0] * share < 1.01e2
    assert up[0] @ free.information[:6, :6] @ up[0] * share > 1.5e2
