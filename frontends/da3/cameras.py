"""Cameras as nine numbers, and the networks that read and write them.

Translation, quaternion xyzw, vertical and horizontal field of view; of camera to world.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import torch
from torch import Tensor, nn

from mapper.frontends.da3.config import Da3Config
from mapper.frontends.layers.mlp import Mlp
from mapper.frontends.vggt.block import Block, BlockSizes
from mapper.vision.rotations import (
    inverse_rigid,
    quaternion_of_rotation,
    rigid_transform,
    rotation_of_quaternion,
)

if TYPE_CHECKING:
    from jaxtyping import Float

NUMBERS: Final = 9
EPS: Final = 1e-5
SCALE: Final = 0.01  # of the encoder's layers before training
SMALLEST_TANGENT: Final = 1e-6  # of half a field of view
SMALLEST_DISTANCE: Final = 0.1  # by which given poses are divided at least


class CameraDecoder(nn.Module):
    """A view's camera from its first token; no attention, no iterations."""

    def __init__(self, width: int) -> None:
        super().__init__()
        layers = [nn.Linear(width, width), nn.ReLU(), nn.Linear(width, width), nn.ReLU()]
        self.backbone = nn.Sequential(*layers)
        self.fc_t = nn.Linear(width, 3)
        self.fc_qvec = nn.Linear(width, 4)
        self.fc_fov = nn.Sequential(nn.Linear(width, 2), nn.ReLU())

    def forward(self, tokens: Float[Tensor, "*n d"]) -> Float[Tensor, "*n 9"]:
        """Encodings; the quaternion may have any length."""
        features = self.backbone(tokens)
        return torch.cat([self.fc_t(features), self.fc_qvec(features), self.fc_fov(features)], -1)


class CameraEncoder(nn.Module):
    """Known cameras, which see one another, as the views' first tokens."""

    def __init__(self, config: Da3Config) -> None:
        super().__init__()
        width = config.embed_dim
        sizes = BlockSizes(width, config.cam_enc_heads, config.mlp_ratio, EPS, SCALE)
        self.trunk = nn.Sequential(*(Block(sizes) for _ in range(config.cam_enc_depth)))
        self.token_norm = nn.LayerNorm(width, eps=EPS)
        self.trunk_norm = nn.LayerNorm(width, eps=EPS)
        self.pose_branch = Mlp(NUMBERS, width // 2, width)

    def forward(self, encoding: Float[Tensor, "b s 9"]) -> Float[Tensor, "b s c"]:
        """Tokens of encodings."""
        return self.trunk_norm(self.trunk(self.token_norm(self.pose_branch(encoding))))


def poses_of(encoding: Float[Tensor, "*n 9"]) -> Float[Tensor, "*n 4 4"]:
    """T_world_camera of encodings."""
    return rigid_transform(rotation_of_quaternion(encoding[..., 3:7]), encoding[..., :3])


def intrinsics_of(
    encoding: Float[Tensor, "*n 9"], height: int, width: int
) -> Float[Tensor, "*n 3 3"]:
    """Pixel intrinsics of encodings; a field of view of zero, or beyond pi, has a huge focal."""
    size = encoding.new_tensor([width, height])
    tangents = (encoding[..., [8, 7]] / 2).tan().clamp(min=SMALLEST_TANGENT)
    K = encoding.new_zeros(*encoding.shape[:-1], 3, 3)
    K[..., [0, 1], [0, 1]] = size / 2 / tangents
    K[..., :2, 2] = size / 2
    K[..., 2, 2] = 1
    return K


def encoding_of(
    T_world_camera: Float[Tensor, "*n 4 4"],
    K: Float[Tensor, "*n 3 3"],
    height: int,
    width: int,
) -> Float[Tensor, "*n 9"]:
    """The nine numbers of cameras, w of the quaternion >= 0; principal points are left out."""
    size = K.new_tensor([height, width])
    focal = torch.stack([K[..., 1, 1], K[..., 0, 0]], -1)
    fields = 2 * torch.atan(size / 2 / focal)
    quaternion = quaternion_of_rotation(T_world_camera[..., :3, :3])
    return torch.cat([T_world_camera[..., :3, 3], quaternion, fields], -1)


def normalised_poses(
    T_camera_world: Float[Tensor, "b s 4 4"],
) -> Float[Tensor, "b s 4 4"]:
    """Given poses as the network wants them: the first is the world, and the median distance of
    cameras from it, its own zero among them, is 1, unless it is below SMALLEST_DISTANCE."""
    moved = T_camera_world @ inverse_rigid(T_camera_world[:, :1])
    centres = inverse_rigid(moved)[..., :3, 3]
    distance = centres.norm(dim=-1).median(dim=1).values.clamp(min=SMALLEST_DISTANCE)
    scaled = moved.clone()
    scaled[..., :3, 3] /= distance[:, None, None]
    return scaled
