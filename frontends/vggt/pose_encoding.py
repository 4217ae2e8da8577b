"""Cameras as nine numbers: translation, quaternion xyzw, vertical and horizontal field of view.

The pose is world-to-camera, the world being the first camera (spec section 8).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor

from mapper.vision.rotations import rotation_of_quaternion

if TYPE_CHECKING:
    from jaxtyping import Float


def extrinsics(encoding: Float[Tensor, "*n 9"]) -> Float[Tensor, "*n 3 4"]:
    """World-to-camera [R | t] of encodings; quaternions of any length."""
    return torch.cat([rotation_of_quaternion(encoding[..., 3:7]), encoding[..., :3, None]], -1)
