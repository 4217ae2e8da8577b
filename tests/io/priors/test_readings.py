"""How certain known poses are taken to be, and whether they are of the frames' time."""

from __future__ import annotations

import numpy as np
import pytest

from mapper.core.geometry import exp_se3
from mapper.core.trajectory import Trajectory
from mapper.errors import ConfigError, InputError
from mapper.io.priors.pose_files import FoundPoses
from mapper.io.priors.readings import (
    PoseSigma,
    by_the_frames_clock,
    check_overlap,
    pose_readings,
)

TIMES = 100.0 + np.arange(5)
WAY = Trajectory(TIMES, np.array([exp_se3(np.array([0, 0, 0, k, 0, 0])) for k in range(5)]))


def test_the_sigma_is_as_asked_else_as_usual() -> None:
    asked = pose_readings("a", FoundPoses(WAY, True), PoseSigma.of("0.2,3"))
    assert (asked.sigma[0], asked.sigma_deg) == (0.2, 3.0)
    assert pose_readings("a", FoundPoses(WAY, True), None).sigma[0] == 0.05
    unknown = pose_readings("a", FoundPoses(WAY, False), None)
    assert unknown.sigma[0] == pytest.approx(0.04)  # a hundredth of the way
    assert not unknown.is_metric


@pytest.mark.parametrize("text", ["0.1", "0.1,x", "0,1", "0.1,-1", "nan,1", "1,2,3"])
def test_a_sigma_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(ConfigError, match="--pose-sigma"):
        PoseSigma.of(text)


def test_clocks_that_do_not_overlap_say_by_how_much() -> None:
    readings = pose_readings("arkit.txt", FoundPoses(WAY, True), None)
    check_overlap(readings, np.array([104.0, 105.0]), "--pose-offset")
    with pytest.raises(InputError, match=r"arkit.txt: its clock .* 896.000 s after it") as told:
        check_overlap(readings, np.array([1000.0, 1000.1]), "--pose-offset")
    assert "--pose-offset 900.000 lets both begin together" in str(told.value)
    check_overlap(readings.later(900.0), np.array([1000.0, 1000.1]), "--pose-offset")
    with pytest.raises(InputError, match=r"90.000 s before it"):
        check_overlap(readings, np.array([9.0, 10.0]), "--pose-offset")


def test_no_poses_are_refused() -> None:
    nothing = Trajectory(np.zeros(0), np.zeros((0, 4, 4)))
    with pytest.raises(InputError, match="no poses in it"):
        pose_readings("a.txt", FoundPoses(nothing, True), None)


def test_a_clock_that_the_map_is_to_find() -> None:
    readings = pose_readings("arkit.txt", FoundPoses(WAY, True), None)
    near = by_the_frames_clock(readings, np.array([102.0, 110.0]), "auto", "--pose-offset")
    assert (near.times[0], near.clock_s) == (100.0, 30.0)
    far = by_the_frames_clock(readings, np.array([5.0, 25.0]), "auto", "--pose-offset")
    assert (far.times[0], far.clock_s) == (5.0, 46.0)  # begins with the frames, 16 s shorter
    moved = by_the_frames_clock(readings, np.array([5.0, 25.0]), "-95", "--pose-offset")
    assert (moved.times[0], moved.clock_s) == (5.0, 0.0)
    for text in ("soon", "nan"):
        with pytest.raises(ConfigError, match=f"--pose-offset {text}: expected seconds, or auto"):
            by_the_frames_clock(readings, np.array([100.0]), text, "--pose-offset")
