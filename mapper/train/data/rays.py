"""Which views a network is given the image of, the rays of, or both, and what rays are.

Section 7.5 of the training specification.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import torch
from torch import Tensor, nn

from mapper.vision.rotations import inverse_rigid

if TYPE_CHECKING:
    import numpy as np
    from jaxtyping import Float


@dataclass(frozen=True, slots=True)
class ShownShares:
    """Shares of the views that show their image alone, their rays alone, and both: of a sample
    whose units are metres, and but for its first view."""

    image: float = 0.8
    rays: float = 0.15


class Shown(NamedTuple):
    """What of one view the network sees."""

    image: bool
    rays: bool


def draw_shown(
    views: int, metric: bool, shares: ShownShares, rng: np.random.Generator
) -> list[Shown]:
    """Of a sample's views; one draw for each that may show rays. Rays are in metres, so views
    without units have none."""
    shown = [Shown(image=True, rays=False)]
    for _ in range(views - 1):
        drawn = rng.random() if metric else 0.0
        image_alone = not metric or drawn < shares.image
        rays_alone = not image_alone and drawn < shares.image + shares.rays
        shown.append(Shown(image=not rays_alone, rays=not image_alone))
    return shown


def ray_maps(
    T_world_camera: Float[Tensor, "b v 4 4"],
    intrinsics: Float[Tensor, "b v 3 3"],
    size: tuple[int, int],
) -> Float[Tensor, "b v h w 6"]:
    """Origin and unit direction of each pixel's ray in the first camera's frame. size: (H, W).

    As published, and as the released weights expect it, the camera's translation is added to the
    direction before that is made a unit: it is the ray's own only where the camera did not move.
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
