"""What a mask of the image makes of predictions, the same for every frontend."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from mapper.core.prediction import Prediction
from mapper.vision.image_sizes import reduced_mask

if TYPE_CHECKING:
    from jaxtyping import Bool


def masked(prediction: Prediction, mask: Bool[np.ndarray, "h w"] | None) -> Prediction:
    """Without points and confidence where the mask, of the prediction's size, is False."""
    if mask is None:
        return prediction
    return replace(
        prediction,
        pointmap=np.where(mask[..., None], prediction.pointmap, np.float32(0)),
        confidence=np.where(mask, prediction.confidence, np.float32(0)),
    )


def at_size(
    mask: Bool[np.ndarray, "H W"] | None, width: int, height: int
) -> Bool[np.ndarray, "h w"] | None:
    """The mask of an image that was resized as a whole, or cut to another shape about its middle,
    as every network's preprocessing here cuts; for predictions that come without their layout."""
    if mask is None:
        return None
    rows, columns = mask.shape
    scale = max(width / columns, height / rows)
    whole = max(round(columns * scale), width), max(round(rows * scale), height)
    left, top = (whole[0] - width) // 2, (whole[1] - height) // 2
    return reduced_mask(mask, whole)[top : top + height, left : left + width]
