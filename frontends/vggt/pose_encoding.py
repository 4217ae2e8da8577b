"""Cameras as nine numbers: translation, quaternion xyzw, vertical and horizontal field of view.

The pose is world-to-camera, the world being the first camera (spec section 8).
"""

from __future__ import annotations

import torch
from torch import Tensor

from mapper.vision.rotations import rotation_of_quaternion


def extrinsics(encoding: Tensor) -> Tensor:
    """World-to-camera [R | t] (..., 3, 4) of encodings (..., 9); quaternions of any length."""
    return torch.cat([rotation_of_quaternion(encoding[..., 3:7]), encoding[..., :3, None]], -1)
