"""Pairs for the pairwise alignment, from predictions of any frontend."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np

from mapper.core.geometry import inverse, transform
from mapper.core.image_pairs import ImagePair, pair_indices
from mapper.core.prediction import Prediction
from mapper.errors import InputError

# The weight of a pixel is the logarithm of its confidence: a point may weigh little, not nothing.
LEAST_CONFIDENCE: Final = 1.001
NO_POINT: Final = 1.0


def sequential_pairs(predictions: Sequence[Prediction]) -> list[ImagePair]:
    """The reference's pair graph over predictions, indices being places in the sequence.

    The points of the second image come into the first one's camera by the predicted poses.
    Confidences are raised to just above 1 where they are lower; pixels without a point weigh
    nothing. Raises InputError for predictions of several resolutions or segments.
    """
    _check_alike(predictions)
    confidences = [_confidence(prediction) for prediction in predictions]
    pairs = []
    for i, j in pair_indices(len(predictions)):
        root, other = predictions[i], predictions[j]
        T_i_j = inverse(root.T_world_camera) @ other.T_world_camera
        moved = transform(T_i_j, other.pointmap).astype(np.float32)
        pairs.append(ImagePair(i, j, root.pointmap, confidences[i], moved, confidences[j]))
    return pairs


def _check_alike(predictions: Sequence[Prediction]) -> None:
    for prediction in predictions:
        first = predictions[0]
        if prediction.pointmap.shape != first.pointmap.shape:
            raise InputError(
                f"frame {prediction.frame_index} has a pointmap of "
                f"{prediction.pointmap.shape[:2]}, frame {first.frame_index} one of "
                f"{first.pointmap.shape[:2]}; pairwise alignment needs one resolution"
            )
        if prediction.segment != first.segment:
            raise InputError(
                f"frames {first.frame_index} and {prediction.frame_index} are of segments "
                f"{first.segment} and {prediction.segment}, whose poses do not belong together; "
                "align the keyframes of one segment"
            )


def _confidence(prediction: Prediction) -> np.ndarray:
    raised = np.maximum(prediction.confidence, np.float32(LEAST_CONFIDENCE))
    has_point = (prediction.depth > 0) & (prediction.confidence > 0)
    return np.where(has_point, raised, np.float32(NO_POINT))
