"""Wrong and confident is counted by neighbours and by places that are seen again."""

from __future__ import annotations

import numpy as np
import pytest
from gauntlet.judging import edge_errors, found_again, judge, out_of_reach

from mapper.backend.graph.edge import Edge, EdgeKind
from mapper.core.geometry import exp_se3, inverse

TURN = exp_se3(np.array([0.3, -0.5, 1.0, 4.0, 5.0, 6.0]))


def there_and_back() -> np.ndarray:
    """T_world_camera (60, 4, 4): 1.5 m ahead and back to the start, in steps of 5 cm."""
    way = np.concatenate([np.arange(30), np.arange(30)[::-1]]) * 0.05
    poses = np.tile(np.eye(4), (60, 1, 1))
    poses[:, 2, 3] = way
    return poses


def moved(poses: np.ndarray, rows: slice, metres: float) -> np.ndarray:
    result = poses.copy()
    result[rows, 0, 3] += metres
    return result


def test_a_right_trajectory_in_another_world_has_nothing_wrong() -> None:
    truth = there_and_back()
    verdict = judge(TURN @ truth, truth)
    assert verdict.wrong == []
    assert verdict.ate == pytest.approx(0, abs=1e-9)
    assert verdict.rpe_translation == pytest.approx(0, abs=1e-9)


def test_one_frame_beside_counts_once() -> None:
    truth = there_and_back()
    assert judge(moved(truth, slice(10, 11), 0.2), truth).wrong == [10]


def test_a_jump_counts_where_it_happens_and_where_the_place_is_seen_again() -> None:
    truth = there_and_back()
    wrong = judge(moved(truth, slice(25, None), 0.2), truth).wrong
    assert wrong[0] == 25
    assert wrong[-1] == 59  # back at the start, 20 cm beside it
    assert min(wrong[1:]) > 25 + 5  # where the places before it are seen again


def test_slow_drift_counts_at_the_revisit_alone() -> None:
    truth = there_and_back()
    drifted = truth.copy()
    drifted[:, 0, 3] += np.linspace(0, 0.3, 60)
    wrong = judge(drifted, truth).wrong
    assert 59 in wrong and min(wrong) > 30


def test_a_turn_beyond_five_degrees_is_wrong() -> None:
    truth = there_and_back()
    for degrees, wrong in ((4.0, []), (6.0, [30])):
        turned = truth.copy()
        turned[30] = turned[30] @ exp_se3(np.radians([0, degrees, 0, 0, 0, 0]))
        assert judge(turned, truth).wrong == wrong


def test_the_ate_is_a_plain_root_mean_square() -> None:
    truth = there_and_back()
    estimate = truth.copy()
    estimate[::2, 0, 3] += 0.02
    estimate[1::2, 0, 3] -= 0.02
    assert judge(estimate, truth).ate == pytest.approx(0.02, abs=2e-4)


def test_too_little_to_judge_has_no_errors() -> None:
    verdict = judge(np.eye(4)[None], np.eye(4)[None])
    assert np.isnan(verdict.ate) and verdict.wrong == []


def test_an_edge_is_off_by_metres_or_degrees_and_wrong_if_it_claims_better() -> None:
    places = {0: TURN, 1: TURN @ exp_se3(np.array([0.1, 0, 0, 0.3, 0, 0])), 2: TURN}
    right = inverse(places[0]) @ places[1]
    off = right.copy()
    off[0, 3] += 0.06
    turned = right @ exp_se3(np.radians([3.0, 0, 0, 0, 0, 0]))
    sure, unsure = (np.diag([s**-2] * 7) for s in (0.01, 0.1))
    edges = [
        Edge(0, 1, S, information, kind)
        for S, information, kind in (
            (right, sure, EdgeKind.LOOP),
            (off, sure, EdgeKind.LOOP),
            (turned, sure, EdgeKind.COVISIBILITY),
            (off, unsure, EdgeKind.LOOP),
        )
    ]
    found = edge_errors(edges, places)
    assert [error.kind for error in found] == ["loop", "loop", "covisibility", "loop"]
    assert [error.is_off for error in found] == [False, True, True, True]
    assert [error.is_wrong for error in found] == [False, True, True, False]
    assert found[1].metres == pytest.approx(0.06) and found[2].degrees == pytest.approx(3.0)
    assert edge_errors(edges, {0: TURN}) == []  # nobody knows where keyframe 1 is


def test_edges_whose_information_is_honest_are_within_it() -> None:
    rng, places = np.random.default_rng(4), {0: TURN, 1: TURN @ TURN}
    S, covariance = inverse(places[0]) @ places[1], np.diag([1e-5] * 3 + [4e-4] * 3)
    information = np.eye(7)
    information[:6, :6] = np.linalg.inv(covariance)
    errors = rng.multivariate_normal(np.zeros(6), covariance, 500)
    edges = [Edge(0, 1, S @ exp_se3(-x), information, EdgeKind.LOOP) for x in errors]
    found = np.array([error.sigmas for error in edge_errors(edges, places)])
    assert (found <= 2.5).mean() > 0.97 and 0.6 < np.median(found) < 0.75


def test_found_again_counts_from_where_a_known_place_is_seen() -> None:
    truth = there_and_back()
    truth[30:40, 1, 3] += 5.0  # carried off at frame 30, back on its way at 40
    everything = np.arange(60)
    assert found_again(everything, truth, 30) == 0
    assert found_again(np.delete(everything, slice(30, 47)), truth, 30) == 7
    assert found_again(everything[:30], truth, 30) == 20  # never
    truth[30:, 1, 3] = 5.0
    assert found_again(everything, truth, 30) is None


def test_what_never_sees_the_rest_again_cannot_be_tied_to_it() -> None:
    back, gone = there_and_back(), there_and_back()
    gone[40:, 0, 3] += 20.0
    assert out_of_reach(back, 40) == 0  # it comes by again
    assert out_of_reach(gone, 40) == 20
    gone[10:40, 0, 3] += 20.0
    assert out_of_reach(gone, 10) == 10  # the smaller part
