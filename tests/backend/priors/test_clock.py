"""How far a source's clock is off, by the way that it and the map went."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from mapper.backend.priors.attachment import placed_frames
from mapper.backend.priors.clock import found_offset
from mapper.backend.priors.knowledge import Knowledge
from mapper.backend.priors.tie import tie
from mapper.core.pose_readings import PoseReadings
from tests.support.priors.walks import Drift, Walk, walk


def receiver(made: Walk, late: float, sigma: float = 0.03) -> PoseReadings:
    """Of every 7th frame, so many seconds late, a tenth of them far off."""
    readings = made.readings(every=7, sigma=sigma, rotations=None, drifts=False)
    rng = np.random.default_rng(2)
    assert readings.positions is not None
    noisy = readings.positions + sigma * rng.normal(size=readings.positions.shape)
    noisy[::10] += 5.0
    return replace(readings.later(late), positions=noisy, clock_s=10.0)


@pytest.mark.parametrize("late", [-6.3, 0.0, 3.75])
def test_the_offset_is_found(late: float) -> None:
    made = walk(keyframes=60, drift=Drift(sinking=0.004), has_corners=True)
    placed = placed_frames(made.task.keyframes)
    found = found_offset(receiver(made, late), placed, made.task.poses)
    assert found == pytest.approx(-late, abs=0.2)
    tied = tie(made.task, Knowledge((receiver(made, late),)))
    assert tied.tie.refused == "" and made.error(tied.poses) < 0.3


def test_a_straight_way_at_one_speed_tells_no_clock() -> None:
    made = walk()
    still = receiver(made, 1.0)
    assert still.positions is not None
    line = np.outer(np.arange(len(still)), [0.1, 0.0, 0.0])
    rng = np.random.default_rng(0)
    straight = replace(still, positions=line + 0.1 * rng.normal(size=line.shape))
    refused = tie(made.task, Knowledge((straight,))).tie.refused
    assert "no offset of its clock within 10 s makes its way the map's" in refused


def test_rotations_alone_tell_none() -> None:
    made = walk(keyframes=10)
    turning = replace(made.readings(positions=None), clock_s=5.0)
    assert found_offset(turning, placed_frames(made.task.keyframes), made.task.poses) is None
