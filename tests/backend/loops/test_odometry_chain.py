"""The chain of odometry knows how far off it may be, and nothing where it is cut."""

from __future__ import annotations

import numpy as np
import pytest

from mapper.backend.loops.odometry_chain import PRIOR_WEIGHT, OdometryChain
from mapper.core.sim3 import exp_sim3, inverse_similarity

SIGMAS = (0.01, 0.02, 0.03)  # rad, units, log scale
STEP_SIGMAS = np.repeat(SIGMAS, (3, 3, 1))
STEP = exp_sim3(np.array([0.05, -0.1, 0.02, 0.3, 0.1, -0.2, 0.01]))


def chain_of(count: int, correction: np.ndarray | None = None) -> OdometryChain:
    """`count` keyframes, equal steps from one to the next."""
    chain = OdometryChain(*SIGMAS)
    chain.begin(0)
    for k in range(1, count):
        chain.extend(k - 1, k, STEP, correction)
    return chain


def distance_in(chain: OdometryChain, i: int, j: int, S_i_j: np.ndarray) -> float:
    """Squared, where the chain has something to say."""
    squared = chain.squared_distance(i, j, S_i_j)
    assert squared is not None
    return squared


def steps(count: int) -> np.ndarray:
    return np.linalg.matrix_power(STEP, count)


@pytest.mark.parametrize(("i", "j"), [(0, 1), (0, 9), (4, 7)])
def test_the_chains_own_pose_is_no_distance_away(i: int, j: int) -> None:
    assert distance_in(chain_of(10), i, j, steps(j - i)) == pytest.approx(0.0, abs=1e-9)


@pytest.mark.parametrize("direction", range(7))
def test_a_jump_of_ten_sigmas_in_one_step_is_ten_sigmas(direction: int) -> None:
    jump = np.zeros(7)
    jump[direction] = 10 * STEP_SIGMAS[direction]
    # The jump happens where the step ends: STEP exp(jump). 1 %: 1e-8 is added to the variances.
    found = distance_in(chain_of(2), 0, 1, STEP @ exp_sim3(jump))
    assert found == pytest.approx(100.0, rel=0.01)


def test_a_jump_is_as_far_wherever_in_the_chain_it_happens() -> None:
    jump = exp_sim3(10 * STEP_SIGMAS / np.sqrt(7))
    found = [distance_in(chain_of(9), k, k + 1, STEP @ jump) for k in (0, 3, 7)]
    np.testing.assert_allclose(found, 100.0, rtol=0.01)


def test_covariances_of_stretches_add_up() -> None:
    # No rotation and no scale: the same jump over n steps has n times the variance.
    chain = OdometryChain(*SIGMAS)
    chain.begin(0)
    for k in range(1, 9):
        chain.extend(k - 1, k, np.eye(4), None)
    jump = exp_sim3(np.array([0, 0, 0, 0.2, 0, 0, 0.0]))
    found = [distance_in(chain, 2, 2 + n, jump) for n in (1, 2, 3, 6)]
    np.testing.assert_allclose(found, [100, 50, 100 / 3, 100 / 6], rtol=0.01)


def test_the_chain_goes_on_past_a_keyframe_that_was_forgotten() -> None:
    chain, whole = chain_of(9), chain_of(9)
    chain.forget(4)
    away = steps(8) @ exp_sim3(3 * STEP_SIGMAS)
    assert distance_in(chain, 0, 8, away) == distance_in(whole, 0, 8, away) > 1
    assert chain.squared_distance(4, 8, np.eye(4)) is None  # nothing to say
    chain.forget(4)


def test_drift_of_real_steps_is_as_large_as_the_chain_says() -> None:
    rng = np.random.default_rng(0)
    chain, found = chain_of(21), []
    for _ in range(300):
        S = np.eye(4)
        for noise in STEP_SIGMAS * rng.standard_normal((20, 7)):
            S = S @ STEP @ exp_sim3(noise)
        found.append(distance_in(chain, 0, 20, S))
    # Chi-square with 7 dof: mean 7, standard error of 300 is 0.22.
    assert np.mean(found) == pytest.approx(7.0, abs=1.0)


def test_the_world_of_the_chain_does_not_matter() -> None:
    chain = chain_of(12)
    S = steps(5) @ exp_sim3(2 * STEP_SIGMAS)
    # Keyframes 0 to 5 and 6 to 11 are the same chain in different places.
    assert distance_in(chain, 6, 11, S) == pytest.approx(distance_in(chain, 0, 5, S), rel=1e-4)


def test_what_is_not_connected_is_not_contradicted() -> None:
    chain = chain_of(4)
    chain.begin(4)
    chain.extend(4, 5, STEP, None)
    far = exp_sim3(np.full(7, 2.0))
    assert chain.squared_distance(1, 5, far) is None
    assert chain.squared_distance(1, 77, far) is chain.squared_distance(77, 78, far) is None
    assert distance_in(chain, 4, 5, far) > 1e3


def test_small_corrections_make_the_chain_stricter_and_large_ones_more_lenient() -> None:
    jump = STEP @ exp_sim3(10 * STEP_SIGMAS / np.sqrt(7))
    last = 41
    strict = distance_in(chain_of(last + 1, np.zeros(7)), last - 1, last, jump)
    lenient = distance_in(chain_of(last + 1, 3 * STEP_SIGMAS), last - 1, last, jump)
    # The variance of a step is the mean of what was observed and the prior.
    expected_strict = PRIOR_WEIGHT / (PRIOR_WEIGHT + last)
    expected_lenient = (PRIOR_WEIGHT + 9 * last) / (PRIOR_WEIGHT + last)
    assert strict == pytest.approx(100 / expected_strict, rel=0.02)
    assert lenient == pytest.approx(100 / expected_lenient, rel=0.02)


def test_a_correction_counts_from_its_own_step_on() -> None:
    chain = OdometryChain(*SIGMAS)
    chain.begin(0)
    chain.extend(0, 1, np.eye(4), None)
    jump = exp_sim3(np.array([0, 0, 0, 0.2, 0, 0, 0.0]))
    before = distance_in(chain, 0, 1, jump)
    chain.extend(1, 2, np.eye(4), 10 * STEP_SIGMAS)
    assert distance_in(chain, 0, 1, jump) == before
    assert distance_in(chain, 1, 2, jump) < before / 10
    assert distance_in(chain, 0, 2, inverse_similarity(jump)) < before / 10


@pytest.mark.parametrize("direction", range(7))
def test_what_a_measurement_may_be_off_by_counts_too(direction: int) -> None:
    chain, jump = chain_of(2), np.zeros(7)
    jump[direction] = 10 * STEP_SIGMAS[direction]
    own = np.diag(3 * STEP_SIGMAS**2)
    found = chain.squared_distance(0, 1, STEP @ exp_sim3(jump), own)
    assert found == pytest.approx(25.0, rel=0.01)  # four times the variance
