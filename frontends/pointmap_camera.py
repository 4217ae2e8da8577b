"""The camera that a predicted pointmap was seen with."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from mapper.core.intrinsics import Intrinsics
from mapper.vision.pointmap_focal import weiszfeld_focal

if TYPE_CHECKING:
    from jaxtyping import Float


def pointmap_camera(pointmap: Float[Tensor, "1 h w 3"]) -> Intrinsics:
    """Intrinsics with one focal length and the principal point in the middle.

    pointmap: in the camera frame.
    """
    height, width = pointmap.shape[1:3]
    return camera_with(float(focal_of(pointmap)[0]), (height, width))


def focal_of(pointmap: Float[Tensor, "b h w 3"]) -> Float[Tensor, " b"]:
    """Focal lengths in pixels, where the pointmaps are."""
    height, width = pointmap.shape[1:3]
    centre = torch.stack(
        [torch.full((1,), side // 2, device=pointmap.device) for side in (width, height)], 1
    )
    return weiszfeld_focal(pointmap.float(), centre)


def camera_with(focal: float, size: tuple[int, ...]) -> Intrinsics:
    """Intrinsics of (height, width) pixels; the longer side where that is no focal length."""
    height, width = size
    if not np.isfinite(focal) or focal <= 0:
        focal = float(max(width, height))  # a pointmap of no camera: any focal length will do
    return Intrinsics(focal, focal, width // 2, height // 2, width, height)
