"""What a network is trained on: sequences of views with their truth."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from typing import TYPE_CHECKING, Any, Final

import torch
from torch import Tensor

from mapper.vision.rotations import inverse_rigid

if TYPE_CHECKING:
    from jaxtyping import Bool, Float

MAPS: Final = ("images", "depth", "T_world_camera", "intrinsics", "points", "valid", "sky")
ON_CPU: Final = ("shows_image", "shows_rays", "resets")


@dataclass(frozen=True, slots=True)
class SampleKinds:
    """What the truth of each sequence of a batch is worth, (B,) each.

    metric: its units are metres. camera_only: poses and intrinsics, no depth. depth_only: depth up
    to scale and shift. single_view: images that have nothing to do with each other.
    """

    metric: Bool[Tensor, " b"]
    camera_only: Bool[Tensor, " b"]
    depth_only: Bool[Tensor, " b"]
    single_view: Bool[Tensor, " b"]

    def to(self, device: torch.device) -> SampleKinds:
        """The same there."""
        return SampleKinds(*(getattr(self, each.name).to(device) for each in fields(self)))


@dataclass(frozen=True, slots=True)
class TrainingBatch:
    """B sequences of V views, all of one size.

    images: in [-1, 1]. depth: along z, 0 where there is no reading, negative in the sky. points: of
    each pixel in the world. valid: where depth and points are known. sky: where the sky is seen.
    shows_image, shows_rays: what of each view the network is given. resets: after which views it
    forgets what it saw. These three stay on the CPU; None = no view. Pixel centres lie at integers.
    """

    images: Float[Tensor, "b v 3 h w"]
    depth: Float[Tensor, "b v h w"]
    T_world_camera: Float[Tensor, "b v 4 4"]
    intrinsics: Float[Tensor, "b v 3 3"]
    points: Float[Tensor, "b v h w 3"]
    valid: Bool[Tensor, "b v h w"]
    sky: Bool[Tensor, "b v h w"]
    shows_image: Bool[Tensor, "b v"]
    kinds: SampleKinds
    shows_rays: Bool[Tensor, "b v"] | None = None
    resets: Bool[Tensor, "b v"] | None = None

    def views(self, which: slice | list[int]) -> TrainingBatch:
        """Those views of every sequence; of a list, in its order and as often as it says."""
        kept: dict[str, Any] = {
            name: _taken(values, which)
            for name in (*MAPS, *ON_CPU)
            if (values := getattr(self, name)) is not None
        }
        return replace(self, **kept)

    def to(self, device: torch.device) -> TrainingBatch:
        """The same there."""
        moved_maps = {name: getattr(self, name).to(device) for name in MAPS}
        return replace(self, **moved_maps, kinds=self.kinds.to(device))

    @property
    def T_first_camera(self) -> Float[Tensor, "b v 4 4"]:
        """Poses in the first camera's frame."""
        return inverse_rigid(self.T_world_camera[:, :1]) @ self.T_world_camera

    @property
    def points_in_first(self) -> Float[Tensor, "b v h w 3"]:
        """Points in the first camera's frame."""
        return moved(inverse_rigid(self.T_world_camera[:, :1]), self.points)

    @property
    def points_in_own(self) -> Float[Tensor, "b v h w 3"]:
        """Points in the frame of the camera that sees them."""
        return moved(inverse_rigid(self.T_world_camera), self.points)


def _taken(values: Tensor, which: slice | list[int]) -> Tensor:
    """Views by their numbers are put together: an index would have to be sent to a GPU."""
    if isinstance(which, slice):
        return values[:, which]
    return torch.stack([values[:, number] for number in which], 1)


def points_of(
    depth: Float[Tensor, "b v h w"],
    intrinsics: Float[Tensor, "b v 3 3"],
    T_world_camera: Float[Tensor, "b v 4 4"],
) -> Float[Tensor, "b v h w 3"]:
    """Each pixel's point in the world; pixel centres at integers."""
    rows = torch.arange(depth.shape[-2], device=depth.device, dtype=depth.dtype)
    columns = torch.arange(depth.shape[-1], device=depth.device, dtype=depth.dtype)
    K = intrinsics[..., None, None]
    x = (columns - K[..., 0, 2, :, :]) * depth / K[..., 0, 0, :, :]
    y = (rows[:, None] - K[..., 1, 2, :, :]) * depth / K[..., 1, 1, :, :]
    return moved(T_world_camera, torch.stack([x, y, depth], -1))


def moved(
    T: Float[Tensor, "b v 4 4"], points: Float[Tensor, "b v h w 3"]
) -> Float[Tensor, "b v h w 3"]:
    """The points of each view moved by its transform; a single transform moves all views."""
    R, t = T[..., None, None, :3, :3], T[..., None, None, :3, 3]
    return (R @ points[..., None])[..., 0] + t
