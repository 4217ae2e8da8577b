"""Times find their nearest neighbours, and only those that are of one moment."""

from __future__ import annotations

import numpy as np
import pytest

from mapper.core.trajectory import Trajectory, matching_times, nearest_times
from mapper.errors import InputError

TIMES = np.array([1.0, 2.0, 2.5, 4.0])


def test_the_nearest_time_may_be_the_earlier_or_the_later_one() -> None:
    wanted = np.array([1.4, 1.6, 2.2, 2.3, 3.2, 3.3])
    np.testing.assert_array_equal(nearest_times(TIMES, wanted), [0, 1, 1, 2, 2, 3])


def test_halfway_between_two_times_the_earlier_one_is_taken() -> None:
    np.testing.assert_array_equal(nearest_times(TIMES, np.array([1.5, 2.25, 3.25])), [0, 1, 2])


def test_what_lies_outside_belongs_to_the_first_or_the_last_time() -> None:
    np.testing.assert_array_equal(nearest_times(TIMES, np.array([-5.0, 9.0])), [0, 3])


@pytest.mark.parametrize(("times", "nearest"), [([3.0], [0, 0]), ([3.0, 7.0], [0, 1])])
def test_one_or_two_times_are_enough(times: list[float], nearest: list[int]) -> None:
    found = nearest_times(np.array(times), np.array([1.0, 8.0]))
    np.testing.assert_array_equal(found, nearest)


def test_times_match_up_to_the_tolerance_and_no_further() -> None:
    # Powers of two, so that the differences are exact.
    wanted = np.array([1.25, 1.5, 3.5, 4.25, 4.375])
    rows, matched = matching_times(TIMES, wanted, 0.25)
    np.testing.assert_array_equal(rows, [0, 3])
    np.testing.assert_array_equal(matched, [0, 3])


def test_positions_are_the_last_column_of_the_poses() -> None:
    T = np.tile(np.eye(4), (3, 1, 1))
    T[:, :3, 3] = np.arange(9).reshape(3, 3)
    trajectory = Trajectory(np.arange(3.0), T)
    assert len(trajectory) == 3
    np.testing.assert_array_equal(trajectory.positions, np.arange(9).reshape(3, 3))


def test_as_many_poses_as_times() -> None:
    with pytest.raises(InputError, match="3 timestamps"):
        Trajectory(np.arange(3.0), np.tile(np.eye(4), (2, 1, 1)))
