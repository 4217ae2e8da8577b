"""Keeps numbers that are not finite out of the map."""

from __future__ import annotations

import logging
from dataclasses import replace

import numpy as np

from mapper.core.prediction import Prediction

logger = logging.getLogger(__name__)


def finite_prediction(prediction: Prediction) -> Prediction | None:
    """The prediction less its points and confidences that are not finite.

    None, and a warning, where the pose is not: nothing is known then of where the points are.
    """
    if not np.isfinite(prediction.T_world_camera).all():
        logger.warning("frame %d left out: its pose is not finite", prediction.frame_index)
        return None
    if np.isfinite(prediction.pointmap).all() and np.isfinite(prediction.confidence).all():
        return prediction
    points_good = np.isfinite(prediction.pointmap).all(-1)
    good = points_good & np.isfinite(prediction.confidence)
    return replace(
        prediction,
        pointmap=np.where(points_good[..., None], prediction.pointmap, np.float32(0)),
        confidence=np.where(good, prediction.confidence, np.float32(0)),
    )
