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

    pointmap: in the camera frame. The longer side where no focal length fits.
    """
    _, height, width, _ = pointmap.shape
    centre = torch.tensor([[width // 2, height // 2]], device=pointmap.device)
    focal = float(weiszfeld_focal(pointmap.float(), centre)[0])
    if not np.isfinite(focal) or focal <= 0:
        focal = float(max(width, height))  # a pointmap of no camera: any focal length will do
    return Intrinsics(focal, focal, width // 2, height // 2, width, height)
