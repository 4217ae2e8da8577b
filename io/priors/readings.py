"""Poses as readings with an uncertainty, by the clock of the frames."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final, TypeVar

import numpy as np

from mapper.core.pose_readings import GravityReadings, PoseReadings
from mapper.errors import ConfigError, InputError
from mapper.io.priors.pose_files import FoundPoses

TRACKED_M: Final = 0.05  # of poses that a phone or a known system tracked
TRACKED_DEG: Final = 1.0
AUTO: Final = "auto"
AROUND_S: Final = 30.0  # by which clocks that overlap may be off
UNIT_SHARE: Final = 0.01  # of the way's extent, where its unit is not known
Timed = TypeVar("Timed", PoseReadings, GravityReadings)


@dataclass(frozen=True, slots=True)
class PoseSigma:
    """Standard deviations: metres, or the poses' own units, and degrees."""

    position: float
    degrees: float

    @classmethod
    def of(cls, text: str, option: str = "--pose-sigma") -> PoseSigma:
        """Of `M,DEG`. Raises ConfigError."""
        try:
            position, degrees = (float(word) for word in text.split(","))
        except ValueError:
            raise ConfigError(
                f"{option} {text}: expected metres and degrees, like 0.05,1"
            ) from None
        if not (np.isfinite([position, degrees]).all() and position > 0 and degrees > 0):
            raise ConfigError(f"{option} {text}: both must be larger than 0")
        return cls(position, degrees)


def pose_readings(name: str, found: FoundPoses, sigma: PoseSigma | None) -> PoseReadings:
    """sigma: None takes what is usual of such poses."""
    trajectory = found.trajectory
    if not len(trajectory):
        raise InputError(f"{name}: there are no poses in it")
    if sigma is None:
        extent = float(np.ptp(trajectory.positions, axis=0).max())
        usual = TRACKED_M if found.is_metric else max(UNIT_SHARE * extent, 1e-6)
        sigma = PoseSigma(usual, TRACKED_DEG)
    return PoseReadings(
        name,
        trajectory.timestamps,
        trajectory.positions,
        trajectory.T_world_camera[:, :3, :3],
        np.full(len(trajectory), sigma.position),
        sigma.degrees,
        found.is_metric,
    )


def by_the_frames_clock(readings: Timed, times: np.ndarray, offset: str, option: str) -> Timed:
    """With `offset` seconds added to their times; of AUTO, for poses, with a clock that the map is
    to find.

    times: (N,) of the frames. Raises ConfigError, and InputError where the times do not overlap.
    """
    if offset != AUTO:
        moved = readings.later(_seconds(offset, option))
        check_overlap(moved, times, option)
        return moved
    if not isinstance(readings, PoseReadings):
        raise ConfigError(f"{option} {AUTO}: no way tells it; give it in seconds")
    first, last = float(times[0]), float(times[-1])
    begins, ends = float(readings.times[0]), float(readings.times[-1])
    if begins <= last and ends >= first:
        return replace(readings, clock_s=AROUND_S)
    apart = abs((ends - begins) - (last - first))
    return replace(readings.later(first - begins), clock_s=apart + AROUND_S)


def _seconds(offset: str, option: str) -> float:
    try:
        seconds = float(offset)
    except ValueError:
        seconds = np.nan
    if not np.isfinite(seconds):
        raise ConfigError(f"{option} {offset}: expected seconds, or {AUTO}")
    return seconds


def check_overlap(readings: Timed, times: np.ndarray, option: str) -> None:
    """Raise InputError where no reading is of the time of the frames, and say by how much they miss
    each other. times: (N,) of the frames. option: that moves the readings' clock."""
    step = float(np.median(np.diff(times))) if len(times) > 1 else 0.0
    first, last = float(times[0]) - step, float(times[-1]) + step
    within = (readings.times >= first) & (readings.times <= last)
    if within.any():
        return
    begins, ends = float(readings.times[0]), float(readings.times[-1])
    late = begins > last or (ends >= first and begins > first)
    gap = begins - float(times[-1]) if late else float(times[0]) - ends
    raise InputError(
        f"{readings.name}: its clock and that of the frames do not overlap: it is of "
        f"{begins:.3f} to {ends:.3f} s, the frames of {times[0]:.3f} to {times[-1]:.3f} s, "
        f"{gap:.3f} s {'before' if late else 'after'} it; {option} {times[0] - begins:.3f} lets "
        "both begin together"
    )
