"""The last frame that was believed, once more in the segment that begins after a fault."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

import numpy as np

from mapper.backend.loops.view_consistency import two_way_consistency
from mapper.core.geometry import inverse
from mapper.core.prediction import Prediction
from mapper.core.sim3 import inverse_similarity, rigid_part, scale_of
from mapper.vision.dense_alignment import AlignmentConfig, align
from mapper.vision.depth_pyramid import DepthPyramid, build_pyramid

DEPTH: Final = 2.0  # units, of the middle of what is aligned: what the alignment is set for
MIN_OVERLAP: Final = 0.3  # of the points of two frames in a row, both ways
MIN_AGREEMENT: Final = 0.8  # of those that agree or conflict, as of loops


def shown_again(last: Prediction, new: Prediction) -> Prediction | None:
    """As a network would say it that had begun anew with that frame: in the segment, the world and
    the unit of the prediction after it, which is in none of the last one's any more.

    Where one is in the other is told by their depths and light, from no motion and the ratio of
    their depths on, or from the motion and the unit that were predicted: where frames were left out
    between them, the network may have known where it was all the same. None where they do not lie
    on each other then.
    """
    unit, ratio = DEPTH / _middle(last), _middle(last) / _middle(new)
    if not np.isfinite([unit, ratio]).all():
        return None
    told = inverse(last.T_world_camera) @ new.T_world_camera
    told[:3, 3] *= unit
    for T_last_new, growth in ((np.eye(4), ratio), (told, 1.0)):  # growth: of the new one's depth
        S_last_new = _laid(_pyramid(last, unit), _pyramid(new, unit * growth), T_last_new)
        if S_last_new is not None:
            return _placed(last, new, inverse_similarity(S_last_new), unit * growth, growth)
    return None


def _placed(
    last: Prediction, new: Prediction, S_new_last: np.ndarray, unit: float, growth: float
) -> Prediction:
    """The last one by where it was in the new one's view, both in units in which the new one's
    depths are `unit` times as large, and the last one's as many times, over `growth`."""
    scale = float(scale_of(S_new_last)) / growth  # of the last one's depths, to be in new's unit
    T_new_last = rigid_part(S_new_last)
    T_new_last[:3, 3] /= unit
    known = last.uncertainty
    return replace(
        last,
        segment=new.segment,
        pointmap=last.pointmap * np.float32(scale),
        T_world_camera=new.T_world_camera @ T_new_last,
        uncertainty=None if known is None else known.scaled(scale),
    )


def _laid(last: DepthPyramid, new: DepthPyramid, T_last_new: np.ndarray) -> np.ndarray | None:
    """S_last_new, a similarity, from a motion on; None unless the views then lie on each other."""
    aligned = align(last, new, T_last_new, AlignmentConfig(), with_scale=True)
    if not aligned.converged:
        return None
    both = two_way_consistency(last.levels[0], new.levels[0], aligned.S_reference_source)
    if min(each.overlap for each in both) < MIN_OVERLAP:
        return None
    if min(each.agreement for each in both) < MIN_AGREEMENT:
        return None
    return aligned.S_reference_source


def _middle(prediction: Prediction) -> float:
    """Median depth; NaN where there are no points."""
    counts = (prediction.confidence > 0) & (prediction.depth > 0)
    return float(np.median(prediction.depth[counts])) if counts.any() else np.nan


def _pyramid(prediction: Prediction, unit: float) -> DepthPyramid:
    """With depths multiplied by `unit`, where they count."""
    counts = (prediction.confidence > 0) & (prediction.depth > 0)
    depth = np.where(counts, prediction.depth * unit, 0).astype(np.float32)
    return build_pyramid(depth, prediction.image, prediction.intrinsics, prediction.noise)
