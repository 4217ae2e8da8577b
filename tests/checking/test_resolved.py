"""Where comparisons want the keyframes, and how errors of them add up, against what is known."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import numpy as np
import pytest

from mapper.checking.resolved import UNCOMPARED, Resolved, link_between, resolved
from mapper.core.geometry import exp_se3, transform, umeyama
from mapper.core.sim3 import inverse_similarity, log_sim3, similarity

COUNT = 12
DEPTH = 2.0


def walk() -> np.ndarray:
    """A camera that goes along an arc of 11 steps and turns, about its middle."""
    poses = np.stack([exp_se3(np.array([0, 0.1 * k, 0, 0.2 * k, 0, 0.03 * k])) for k in range(12)])
    poses[:, :3, 3] -= poses[:, :3, 3].mean(axis=0)
    return poses


def of_pairs(
    true: np.ndarray, found: np.ndarray, pairs: Sequence[tuple[int, int]], noise: float = 0.001
) -> Resolved:
    """Of a map `found` of views that lie as in `true`; pairs: compared, in order."""
    rng = np.random.default_rng(1)
    free = bool(np.ptp(np.linalg.norm(true[:, :3, 0], axis=1)) > 1e-6)
    links = []
    for i, j in pairs:
        inverse = inverse_similarity(inverse_similarity(found[i]) @ found[j])
        twist = log_sim3(inverse @ inverse_similarity(true[i]) @ true[j])
        twist += noise * rng.normal(size=7) * [1, 1, 1, DEPTH, DEPTH, DEPTH, free]
        links.append(link_between(found, [DEPTH] * COUNT, i, j, twist, not free))
    steps = [
        link_between(found, [DEPTH] * COUNT, k, k + 1, np.zeros(7), not free, 1 / UNCOMPARED**2)
        for k in range(COUNT - 1)
    ]
    return resolved(found, links, steps, links[: COUNT - 1], free)


def aligned_error(found: np.ndarray, true: np.ndarray, with_scale: bool) -> float:
    """Root mean square of what positions are off by where the whole fits best."""
    a, b = true[:, :3, 3], found[:, :3, 3]
    S = similarity(*umeyama(a, b, with_scale=with_scale))
    return float(np.sqrt(((transform(S, a) - b) ** 2).sum() / COUNT))


STEPS = [*itertools.pairwise(range(COUNT)), *((k, k + 2) for k in range(COUNT - 2))]


def test_a_good_map_stays_where_it_is() -> None:
    found = of_pairs(walk(), walk(), STEPS)
    assert found.moved < 0.01 and 0.001 < found.spread < 0.05


def test_of_a_torn_map_it_is_what_it_is_off_by() -> None:
    torn = walk()
    beside = exp_se3(np.array([0, 0, 0, 0.1, 0.2, 0.05]))
    torn[6:] = beside @ torn[6:]
    error = aligned_error(torn, walk(), with_scale=False)
    assert error > 0.05
    assert of_pairs(walk(), torn, STEPS).moved == pytest.approx(error, rel=0.1)
    across_once = list(itertools.pairwise(range(COUNT)))
    assert of_pairs(walk(), torn, across_once, 0.0002).moved == pytest.approx(error, rel=0.1)


def test_one_wrong_pair_among_right_ones_moves_it_little() -> None:
    wrong = walk()
    wrong[11] = exp_se3(np.array([0, 0, 0, 1.5, 0, 0])) @ wrong[11]
    right = of_pairs(walk(), walk(), STEPS)
    links = []
    for pairs, true in ((STEPS, walk()), ([(0, 11)], wrong)):
        for i, j in pairs:
            inverse = inverse_similarity(inverse_similarity(walk()[i]) @ walk()[j])
            twist = log_sim3(inverse @ inverse_similarity(true[i]) @ true[j]) + 1e-3
            links.append(link_between(walk(), [DEPTH] * COUNT, i, j, twist, False))
    found = resolved(walk(), links, [], links[:-1], False)
    assert found.moved < 0.05 and right.moved < 0.05


def test_scales_that_drift_move_a_map_that_has_them_free() -> None:
    scales = 1 + 0.05 * np.arange(COUNT)
    true = np.stack([similarity(s, T) for s, T in zip(scales, walk(), strict=True)])
    steps = scales[:-1, None] * np.diff(walk()[:, :3, 3], axis=0)
    true[1:, :3, 3] = true[0, :3, 3] + np.cumsum(steps, axis=0)
    error = aligned_error(walk(), true, with_scale=True)
    assert error > 0.03
    # Straightened once, from a map that is far off.
    assert of_pairs(true, walk(), STEPS).moved == pytest.approx(error, rel=0.3)


def test_errors_add_up_along_a_chain_and_less_where_it_closes() -> None:
    chain = list(itertools.pairwise(range(COUNT)))
    open_end = of_pairs(walk(), walk(), chain)
    closed = of_pairs(walk(), walk(), [*chain, (0, 11), (0, 10), (1, 11)])
    assert closed.spread < 0.9 * open_end.spread


def test_of_a_chain_the_spread_is_that_of_random_walks() -> None:
    """A camera that stands still, so that its turns move nothing."""
    still = np.tile(np.eye(4), (COUNT, 1, 1))
    chain = list(itertools.pairwise(range(COUNT)))
    sigma = 0.001
    twists = np.zeros((len(chain), 7))
    twists[:, 3] = sigma * DEPTH
    links = [
        link_between(still, [DEPTH] * COUNT, i, j, twist, True)
        for (i, j), twist in zip(chain, twists, strict=True)
    ]
    found = resolved(still, links, [], links, False)
    walks = np.cumsum(np.random.default_rng(0).normal(size=(4000, COUNT - 1, 3)), axis=1)
    walks = np.concatenate([np.zeros((4000, 1, 3)), walks], axis=1)
    walks -= walks.mean(axis=1, keepdims=True)
    expected = sigma * DEPTH * np.sqrt((walks**2).sum(axis=2).mean())
    assert found.spread == pytest.approx(expected, rel=0.1)


def test_without_comparisons_nothing_is_said() -> None:
    assert resolved(walk(), [], [], [], False) == Resolved(0.0, 0.0)
