"""Brings the segments of a frontend that does not know the unit into units of one size."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from mapper.core.geometry import pose
from mapper.core.prediction import Prediction

NOMINAL_DEPTH = 2.0  # the map's units: half of the first view lies nearer than this
STEP = 4  # every 4th pixel a side is compared


class SegmentUnits:
    """One factor a segment, so that thresholds in the map's units mean the same in all of it.

    A metric frontend's units stay. Otherwise the first segment is scaled so that its first
    frame's median depth is NOMINAL_DEPTH: an up-to-scale map of a room then has about the size
    of the room. A later segment is scaled by the frame that it shares with the one before: the
    median over the pixels of the two depths' ratio. Without such a frame its first median depth
    decides. What drifts afterwards is the pose graph's to find.
    """

    def __init__(self) -> None:
        self._factors: dict[int, float] = {}
        self._last: Prediction | None = None  # in the map's units
        self._depth_before = NOMINAL_DEPTH  # what a segment starts with where no frame is shared

    def __call__(self, prediction: Prediction) -> Prediction:
        """The prediction in the map's units. Raises nothing: one without points stays as it is."""
        if prediction.is_metric:
            return prediction
        factor = self._factors.get(prediction.segment)
        if factor is None:
            factor = self._factor(prediction)
            if _points_that_count(prediction).any():  # else the next one has to tell
                self._factors[prediction.segment] = factor
        T, known = prediction.T_world_camera, prediction.uncertainty
        scaled = replace(
            prediction,
            pointmap=prediction.pointmap * np.float32(factor),
            T_world_camera=pose(T[:3, :3], T[:3, 3] * factor),
            uncertainty=None if known is None else known.scaled(factor),
        )
        self._last = scaled
        self._depth_before = NOMINAL_DEPTH
        return scaled

    def factor(self, segment: int) -> float:
        """What the predictions of a segment are multiplied by."""
        return self._factors.get(segment, 1.0)

    def resume(self, factors: dict[int, float], median_depth: float) -> None:
        """Take up an interrupted run: its segments' factors, and the median depth of its last view,
        which sees about what the next segment begins with."""
        self._factors.update(factors)
        self._depth_before = median_depth

    def _factor(self, first: Prediction) -> float:
        last = self._last
        if last is not None and last.frame_index == first.frame_index:
            ratio = depth_ratio(last, first)
            if ratio is not None:
                return ratio
        return self._depth_before / median_depth(first)


def median_depth(prediction: Prediction) -> float:
    """Median depth of the points that count; 1 where there are none."""
    valid = _points_that_count(prediction)
    return float(np.median(prediction.depth[::STEP, ::STEP][valid])) if valid.any() else 1.0


def _points_that_count(prediction: Prediction) -> np.ndarray:
    """bool, of every STEP-th pixel."""
    depth = prediction.depth[::STEP, ::STEP]
    return (depth > 0) & (prediction.confidence[::STEP, ::STEP] > 0)


def depth_ratio(a: Prediction, b: Prediction) -> float | None:
    """Median of depth a / depth b over the pixels of one frame predicted twice, or None."""
    if a.depth.shape != b.depth.shape:
        return None
    depth_a, depth_b = a.depth[::STEP, ::STEP], b.depth[::STEP, ::STEP]
    valid = (depth_a > 0) & (depth_b > 0)
    if valid.sum() < 50:
        return None
    return float(np.median(depth_a[valid] / depth_b[valid]))
