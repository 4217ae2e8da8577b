"""Ray maps: what CUT3R is shown of a camera whose pose and intrinsics are known."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor, nn

from mapper.core.trajectory import MATCH_SECONDS, Trajectory, nearest_times
from mapper.vision.rotations import inverse_rigid

if TYPE_CHECKING:
    from jaxtyping import Float

    from mapper.core.intrinsics import Intrinsics


def ray_maps(
    T_world_camera: Float[Tensor, "b v 4 4"],
    intrinsics: Float[Tensor, "b v 3 3"],
    size: tuple[int, int],
) -> Float[Tensor, "b v h w 6"]:
    """Origin and unit direction of each pixel's ray in the first camera's frame. size: (H, W).

    As published, and as the released weights expect it, the camera's translation is added to the
    direction before that is made a unit: it is the ray's own only where the camera did not move.
    Section 7.5 of the training specification.
    """
    T = inverse_rigid(T_world_camera[:, :1]) @ T_world_camera
    rows = torch.arange(size[0], device=T.device, dtype=T.dtype)
    columns = torch.arange(size[1], device=T.device, dtype=T.dtype)
    pixels = torch.stack([*torch.meshgrid(columns, rows, indexing="xy"), rows.new_ones(size)], -1)
    R, t = T[..., None, None, :3, :3], T[..., None, None, :3, 3]
    seen = torch.linalg.inv(intrinsics)[:, :, None, None] @ pixels[..., None]
    directions = (R @ seen)[..., 0] + t
    origins = t.expand_as(directions)
    return torch.cat([origins, nn.functional.normalize(directions, dim=-1)], -1)


def known_at(poses: Trajectory, time: float) -> np.ndarray | None:
    """T_world_camera (4, 4) of a moment; None where none is of it."""
    row = int(nearest_times(poses.timestamps, np.array([time]))[0])
    near = abs(float(poses.timestamps[row]) - time) <= MATCH_SECONDS
    return poses.T_world_camera[row] if near else None


def rays_of(
    T_first_camera: Float[np.ndarray, "4 4"], camera: Intrinsics
) -> Float[Tensor, "1 h w 6"]:
    """float32, of a camera in the first one's frame, metres."""
    T = torch.stack([torch.eye(4, dtype=torch.float64), torch.from_numpy(T_first_camera)])[None]
    K = torch.from_numpy(camera.matrix).double().expand(1, 2, 3, 3)
    return ray_maps(T, K, (camera.height, camera.width))[:, 1].float()
