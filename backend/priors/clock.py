"""By how much a source's clock is behind the frames', found by the way that both went."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import numpy as np

from mapper.backend.priors.attachment import PlacedFrames
from mapper.core.geometry import umeyama
from mapper.core.pose_readings import PoseReadings
from mapper.core.sim3 import rigid_part

FEWEST: Final = 8  # readings have to be of the time of the frames
LEAST_SHARE: Final = 0.6  # ... and of as many as at the best of times
WINDOWS: Final = 4  # parts of the way that are compared each by itself: a map drifts
MOST: Final = 300  # readings are looked at
STEPS: Final = 400  # offsets are tried at most, before the best is narrowed down
NARROWINGS: Final = 12
CLEAR: Final = 0.5  # of the usual misfit: what the right offset leaves


def found_offset(
    readings: PoseReadings, placed: PlacedFrames, poses: Mapping[int, np.ndarray]
) -> float | None:
    """Seconds to add to the readings' times; None where no offset fits far better than others.

    Looked for within readings.clock_s on both sides.
    """
    if readings.positions is None:
        return None
    order = np.argsort(placed.times, kind="stable")
    S = np.array([poses[int(k)] for k in placed.keyframe[order]])
    where = rigid_part(S @ placed.S_keyframe_camera[order])[:, :3, 3]
    rows = np.linspace(0, len(readings) - 1, min(len(readings), MOST)).astype(int)
    misfit = _Misfit(placed.times[order], where, readings.times[rows], readings.positions[rows])
    step = max(misfit.period / 2, 2 * readings.clock_s / STEPS)
    offsets = np.arange(-readings.clock_s, readings.clock_s + step / 2, step)
    counts = np.array([misfit.count(offset) for offset in offsets])
    tried = offsets[counts >= max(FEWEST, LEAST_SHARE * counts.max())]
    if not len(tried):
        return None
    costs = np.array([misfit(offset) for offset in tried])
    best = int(np.argmin(costs))
    if costs[best] > CLEAR * float(np.median(costs)):
        return None
    return _narrowed(misfit, float(tried[best]), step)


def _narrowed(misfit: _Misfit, offset: float, step: float) -> float:
    """The best within a step of an offset, by ever smaller steps."""
    least = misfit(offset)
    for _ in range(NARROWINGS):
        step /= 2
        for other in (offset - step, offset + step):
            if (cost := misfit(other)) < least:
                offset, least = other, cost
                break
    return offset


class _Misfit:
    """Of an offset: how far positions are off after the best similarity, as a share of the way."""

    def __init__(
        self, times: np.ndarray, where: np.ndarray, read: np.ndarray, positions: np.ndarray
    ) -> None:
        """times: (N,) of the frames, where: (N, 3) in the map. read: (M,) of the readings, by
        their clock, positions: (M, 3) in their world."""
        self._times, self._where, self._read, self._positions = times, where, read, positions
        self.period = float(np.median(np.diff(read))) if len(read) > 1 else 1.0

    def count(self, offset: float) -> int:
        """Readings that are then of the time of the frames."""
        return int(self._within(offset).sum())

    def __call__(self, offset: float) -> float:
        """Infinite where too few are."""
        within = self._within(offset)
        if within.sum() < FEWEST:
            return np.inf
        rows = np.flatnonzero(within)
        moments = self._read[rows] + offset
        target = np.column_stack([np.interp(moments, self._times, axis) for axis in self._where.T])
        size = max(FEWEST, len(self._read) // WINDOWS)
        starts = np.unique(np.linspace(0, max(len(rows) - size, 0), 2 * WINDOWS - 1).astype(int))
        parts = [slice(start, start + size) for start in starts]
        off, spread = np.sum([_fitted(target[p], self._positions[rows[p]]) for p in parts], axis=0)
        return float(np.sqrt(off / max(spread, 1e-12)))

    def _within(self, offset: float) -> np.ndarray:
        moments = self._read + offset
        return np.asarray((moments >= self._times[0]) & (moments <= self._times[-1]))


def _fitted(target: np.ndarray, source: np.ndarray) -> tuple[float, float]:
    """Mean squared distance (n, 3) after the best similarity, and about the middle; of what jumps
    next to nothing."""
    weights = np.ones(len(source))
    for _ in range(4):
        scale, T = umeyama(target, source, True, weights)
        away = np.linalg.norm(source - scale * target @ T[:3, :3].T - T[:3, 3], axis=1)
        weights = 1 / (1 + (away / max(float(np.median(away)), 1e-9)) ** 4)
    spread = np.sum((source - np.average(source, axis=0, weights=weights)) ** 2, axis=1)
    return float(np.average(away**2, weights=weights)), float(np.average(spread, weights=weights))
