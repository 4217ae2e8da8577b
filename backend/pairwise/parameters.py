"""The numbers that are optimised, and the geometry that they stand for."""

from __future__ import annotations

import math
from dataclasses import dataclass, fields, replace

import torch
from torch import Tensor

from mapper.vision.rotations import rotation_of_quaternion

FOCAL_SHARPNESS = 20.0  # focal = exp(value / 20): focal lengths move slowly
MEAN_PAIR_SCALE = 0.5  # geometric mean of all pairs' scales, which fixes the scale of the scene


@dataclass(frozen=True, slots=True, eq=False)
class Parameters:
    """What Adam sees, of n images of h x w pixels and E pairs. float32.

    log_depths: (n, h w), z in the camera. poses: (n, 7), camera to world: quaternion xyzw of any
    length, then translation as sign(t) log(1 + |t|). log_focals: (n,), 20 times the logarithm of
    the focal length in pixels. pair_poses: (E, 8), like poses, then the logarithm of the scale.
    """

    log_depths: Tensor
    poses: Tensor
    log_focals: Tensor
    pair_poses: Tensor

    def tensors(self) -> list[Tensor]:
        """All of them, in the order of the fields."""
        return [getattr(self, entry.name) for entry in fields(self)]

    def trainable(self) -> Parameters:
        """Copies that gather gradients."""
        copies = {e.name: getattr(self, e.name).clone().requires_grad_() for e in fields(self)}
        return replace(self, **copies)

    def detached(self) -> Parameters:
        """The same numbers without gradients."""
        return Parameters(*(tensor.detach() for tensor in self.tensors()))

    @property
    def focals(self) -> Tensor:
        """(n,) in pixels."""
        return (self.log_focals / FOCAL_SHARPNESS).exp()

    @property
    def rotations(self) -> Tensor:
        """(n, 3, 3), camera to world."""
        return rotation_of_quaternion(self.poses[:, :4])

    @property
    def translations(self) -> Tensor:
        """(n, 3), camera centres in the world."""
        return expanded(self.poses[:, 4:7])

    def world_points(self, size: tuple[int, int]) -> Tensor:
        """(n, 3, h w). The principal point is (w / 2, h / 2); pixels are (column, row)."""
        pixels = centred_pixels(size, self.log_depths.device)
        depth = self.log_depths.exp()[:, None]
        across = depth * pixels / self.focals[:, None, None]
        points = torch.cat([across, depth], 1)
        return torch.baddbmm(self.translations[..., None], self.rotations, points)

    def pair_transforms(self) -> tuple[Tensor, Tensor]:
        """(E, 3, 3) scaled rotations and (E, 3) translations, camera of i to world."""
        log_scale = self.pair_poses[:, 7]
        scale = (log_scale + math.log(MEAN_PAIR_SCALE) - log_scale.mean()).exp()
        rotation = rotation_of_quaternion(self.pair_poses[:, :4])
        translation = expanded(self.pair_poses[:, 4:7])
        return scale[:, None, None] * rotation, scale[:, None] * translation


def centred_pixels(size: tuple[int, int], device: torch.device) -> Tensor:
    """(2, h w): (column, row) from the principal point, row by row."""
    rows, columns = torch.meshgrid(
        torch.arange(size[0], device=device), torch.arange(size[1], device=device), indexing="ij"
    )
    return torch.stack([columns - size[1] / 2, rows - size[0] / 2]).flatten(1)


def expanded(compressed: Tensor) -> Tensor:
    """The translation that sign(t) log(1 + |t|) stands for."""
    return compressed.sign() * torch.expm1(compressed.abs())


def compressed(translation: Tensor) -> Tensor:
    """sign(t) log(1 + |t|)."""
    return translation.sign() * torch.log1p(translation.abs())
