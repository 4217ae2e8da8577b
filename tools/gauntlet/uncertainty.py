"""Whether frames are as far off as they say that they may be."""

from __future__ import annotations

from typing import Any, Final

import gtsam
import numpy as np
from scipy.stats import chi2

from mapper.core.geometry import inverse
from mapper.core.prediction import Prediction
from mapper.slam.recorder import NullRecorder

SIGMAS: Final = 2.5
TINY: Final = 1e-12  # rad^2 and m^2, added to every variance: far below any camera's


class PredictedPoses(NullRecorder):
    """Keeps what the frontend says of poses and how well it knows them."""

    def __init__(self) -> None:
        self.predictions: list[Prediction] = []

    def prediction(self, *args: Any) -> None:
        """Keep it, without its images."""
        prediction: Prediction = args[0]
        small = np.zeros((1, 1, 3), np.float32)
        self.predictions.append(
            Prediction(
                prediction.frame_index,
                prediction.timestamp,
                small,
                small[..., 0],
                prediction.T_world_camera,
                prediction.intrinsics,
                small.astype(np.uint8),
                prediction.is_metric,
                prediction.segment,
                uncertainty=prediction.uncertainty,
            )
        )

    def sigmas_off(self, truth: np.ndarray) -> np.ndarray:
        """Sigmas (N,) of the frames that are placed relative to another one and say how surely.

        truth: T_world_camera (M, 4, 4) of all frames, NaN where nobody knows it.
        """
        placed = {(p.segment, p.frame_index): p.T_world_camera for p in self.predictions}
        result = []
        for p in self.predictions:
            known = p.uncertainty
            if known is None or known.reference_index == p.frame_index:
                continue
            T_world_reference = placed.get((p.segment, known.reference_index))
            true = inverse(truth[known.reference_index]) @ truth[p.frame_index]
            if T_world_reference is not None and np.isfinite(true).all():
                told = inverse(T_world_reference) @ p.T_world_camera
                result.append(sigmas(true @ inverse(told), known.covariance))
        return np.array(result)


def sigmas(T: np.ndarray, covariance: np.ndarray) -> float:
    """How far exp(x) = T (4, 4) is from none, in standard deviations of one normal variable that
    is as unlikely as x (6,) is under the covariance (6, 6)."""
    x = gtsam.Pose3.Logmap(gtsam.Pose3(T))
    squared = float(x @ np.linalg.solve(covariance + TINY * np.eye(6), x))
    return float(np.sqrt(chi2.isf(chi2.sf(squared, 6), 1)))
