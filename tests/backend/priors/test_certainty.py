"""What would fit any map does not tell this one's unit, however well it agrees."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from mapper.backend.graph.priors import LengthPrior
from mapper.backend.priors.knowledge import Knowledge
from mapper.backend.priors.tie import tie
from tests.support.priors.walks import Drift, Walk, walk

SINKING = Drift(sinking=0.01, log_scale=2e-3)


def left_as_it_was(made: Walk, known: Knowledge) -> str:
    """Why a tie was refused; the map has not moved."""
    tied = tie(made.task, known)
    assert tied.tie.refused and not tied.tie.is_metric
    for k, S in made.task.poses.items():
        np.testing.assert_array_equal(tied.poses[k], S)
    return tied.tie.refused


@pytest.mark.parametrize("count", [2, 3, 4])
def test_a_few_places_prove_nothing(count: int) -> None:
    made = walk()
    some = made.readings(every=5).rows(np.array([0, 15, 30, 38])[:count])
    elsewhere = np.array([[0.0, 0, 0], [9, 0, 0], [0, 9, 0], [9, 9, 0]])[:count]
    wrong = replace(some, positions=elsewhere, rotations=None, sigma=np.full(count, 0.5))
    why = left_as_it_was(made, Knowledge((wrong,)))
    assert "places" in why or "readings agree" in why
    assert "places" in left_as_it_was(made, Knowledge((replace(some, rotations=None),)))


def test_odometry_that_turns_and_stands_still_does_not_shrink_the_map() -> None:
    made = walk(drift=SINKING)
    turns = made.readings(every=5, sigma=0.02)
    assert turns.positions is not None
    still = replace(turns, positions=np.zeros_like(turns.positions))
    assert "hardly moves" in left_as_it_was(made, Knowledge(odometry=(still,)))


@pytest.mark.parametrize("unit", [1000.0, 0.001])
def test_another_unit_than_metres_is_told_by_what_the_camera_sees(unit: float) -> None:
    made = walk(drift=SINKING)
    right = made.readings(every=5)
    assert right.positions is not None
    sigma = 0.02 * unit * np.ones(len(right))
    other = replace(right, positions=unit * right.positions, sigma=sigma)
    assert "is it in metres?" in left_as_it_was(made, Knowledge((other,)))
    in_its_own = replace(other, is_metric=False)
    assert tie(made.task, Knowledge((in_its_own,))).tie.refused == ""
    here = np.zeros(3)
    length = LengthPrior("the length", 0, here, 3, here, 0.9 * unit, 0.01)
    assert "the length: by it" in left_as_it_was(made, Knowledge(measured=(length,)))


def test_two_lengths_do_not_make_a_drift_of_their_own() -> None:
    made = walk(drift=SINKING)

    def length(i: int, j: int, wrong: float) -> LengthPrior:
        true = float(np.linalg.norm(np.subtract(*made.keyframe_positions[[i, j]])))
        here = np.zeros(3)
        return LengthPrior(f"{i} to {j}", i, here, j, here, wrong * true, 0.01)

    assert tie(made.task, Knowledge(measured=(length(0, 3, 1), length(20, 23, 1)))).tie.is_metric
    why = left_as_it_was(made, Knowledge(measured=(length(0, 3, 1), length(20, 23, 2))))
    assert "contradict each other" in why
