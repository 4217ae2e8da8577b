"""The measure of self-doubt counts alarms by the error that a map really has."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from measures.self_doubt import Found, bend_table, detection_table, random_motion, worst_error
from scipy.spatial.transform import Rotation

from mapper.backend.self_doubt.doubt import SelfDoubt
from mapper.backend.self_doubt.doubtful_stretches import DoubtfulStretch
from mapper.backend.self_doubt.edge_conflicts import EdgeConflicts
from mapper.backend.self_doubt.misplacement import Misplacement
from mapper.backend.self_doubt.strained_loops import StrainedLoop
from mapper.core.geometry import pose, rotation_angle


def doubt(alarms: bool) -> SelfDoubt:
    stretch = DoubtfulStretch(0.0, 1.0, 2.0, 3, 0.1, None)
    nothing = EdgeConflicts(0, (), 0, ())
    return SelfDoubt((stretch,) if alarms else (), 0, 0, 0.0, (), (), nothing)


def test_the_worst_error_is_between_any_two_keyframes_and_counts_turns_too() -> None:
    true = {k: pose(np.eye(3), np.array([float(k), 0.0, 0.0])) for k in range(3)}
    told = dict(true)
    assert worst_error(told, true) == 0.0
    told[2] = pose(np.eye(3), np.array([2.0, 0.3, 0.0]))
    assert worst_error(told, true) == pytest.approx(0.3)
    turn = Rotation.from_rotvec([0.0, 0.0, np.radians(20)]).as_matrix()
    told[2] = pose(turn, np.array([2.0, 0.3, 0.0]))
    assert worst_error(told, true) >= 0.4 - 1e-9  # 20 degrees, of which 5 count as 10 cm
    true[2] = np.full((4, 4), np.nan)
    assert worst_error(told, true) == 0.0  # of what nobody knows nothing is said


def test_a_bend_has_the_size_that_it_is_asked_for() -> None:
    T = random_motion((0.3, 20.0), 1)
    assert np.linalg.norm(T[:3, 3]) == pytest.approx(0.3)
    assert np.degrees(rotation_angle(T[:3, :3])) == pytest.approx(20.0)


def test_alarms_are_counted_by_band_and_by_bend() -> None:
    good = Found("a", 9, 0.02, doubt(False), {(0.2, 0.0): [True, False, True]})
    table = detection_table(
        [good, Found("b", 5, 0.3, doubt(True)), Found("c", 5, 0.3, doubt(False))]
    )
    assert "| 0 to 5 cm | 1 | 0 | 0 |" in table and "| 20 to 50 cm | 2 | 1 | 1 |" in table
    assert "| 20 cm | 3 | 2 |" in bend_table([good])


def test_a_map_that_may_be_wrong_warns_without_an_alarm() -> None:
    strained = replace(doubt(False), strained=(StrainedLoop(0.0, 1.0, Misplacement(0.3, 2.0)),))
    unsure = Found("a", 9, 0.3, strained)
    assert unsure.warns and not unsure.alarms
    assert "| 20 to 50 cm | 1 | 0 | 1 |" in detection_table([unsure])
