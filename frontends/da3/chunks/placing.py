"""Where the frames of aligned chunks are."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from mapper.frontends.da3.chunks.alignment import Similarity

if TYPE_CHECKING:
    from jaxtyping import Float


def world_points(
    depth: Float[np.ndarray, "n h w"],
    K: Float[np.ndarray, "n 3 3"],
    T_world_camera: Float[np.ndarray, "n 4 4"],
) -> Float[np.ndarray, "n h w 3"]:
    """Points of depths along z; pixel centres at whole numbers."""
    height, width = depth.shape[-2:]
    u, v = np.meshgrid(np.arange(width), np.arange(height))
    pixels = np.stack([u, v, np.ones_like(u)], -1).astype(np.float64)
    rays = np.einsum("nij,hwj->nhwi", np.linalg.inv(K.astype(np.float64)), pixels)
    points = rays * depth[..., None]
    turned = np.einsum("nij,nhwj->nhwi", T_world_camera[:, :3, :3], points)
    return turned + T_world_camera[:, None, None, :3, 3]


def placed_poses(
    chunks: Sequence[Float[np.ndarray, "n 4 4"]], along: Sequence[Similarity], overlap: int
) -> Float[np.ndarray, "n 4 4"]:
    """T_world_camera of every frame once: frames of an overlap as the later chunk has them.

    along: from each chunk into the first.
    """
    placed = []
    for number, (poses, S) in enumerate(zip(chunks, along, strict=True)):
        kept = poses if number == len(chunks) - 1 else poses[: len(poses) - overlap]
        placed.append(moved_poses(kept, S))
    return np.concatenate(placed)


def moved_poses(poses: Float[np.ndarray, "n 4 4"], S: Similarity) -> Float[np.ndarray, "n 4 4"]:
    """Poses of a chunk in the first one's frame; depths must be multiplied by its scale."""
    result = poses.astype(np.float64)
    result[:, :3, 3] = S.moved(result[:, :3, 3])
    result[:, :3, :3] = S.R @ result[:, :3, :3]
    return result
