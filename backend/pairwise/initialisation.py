"""The first parameters, from a first place of every image."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from mapper.backend.pairwise.parameters import (
    FOCAL_SHARPNESS,
    MEAN_PAIR_SCALE,
    Parameters,
    compressed,
)
from mapper.backend.pairwise.placement import fitted, placed_along_tree
from mapper.core.geometry import inverse, pose_to_quaternion_xyzw
from mapper.core.image_pairs import ImagePair


def initial_parameters(pairs: Sequence[ImagePair], images: int, device: torch.device) -> Parameters:
    """Images along the tree of the best pairs, pairs fitted to their root images.

    The scene is scaled so that the pairs' scales have their prescribed mean. A pixel behind its
    camera gets depth 1, as published.
    """
    placement = placed_along_tree(pairs, images)
    fits = [fitted(pair.pointmap_i, placement.points[pair.i], pair.confidence_i) for pair in pairs]
    log_scales = np.log([scale for scale, _ in fits])
    factor = MEAN_PAIR_SCALE / math.exp(log_scales.mean())
    T_world_camera = placement.T_world_camera.copy()
    T_world_camera[:, :3, 3] *= factor
    T_camera_world = inverse(T_world_camera)
    # Of the points in each camera, the third row only.
    axis, offset = T_camera_world[:, 2, :3], T_camera_world[:, 2, 3]
    depths = np.einsum("nhwk,nk->nhw", placement.points * factor, axis) + offset[:, None, None]
    log_depths = np.log(np.where(depths > 0, depths, 1.0))
    T_world_pair = np.stack([T for _, T in fits])
    T_world_pair[:, :3, 3] /= np.exp(log_scales)[:, None]
    return Parameters(
        _tensor(log_depths.reshape(images, -1), device),
        _encoded(T_world_camera, device),
        _tensor(FOCAL_SHARPNESS * np.log(placement.focals), device),
        torch.cat([_encoded(T_world_pair, device), _tensor(log_scales[:, None], device)], 1),
    )


def _encoded(T: np.ndarray, device: torch.device) -> Tensor:
    """(N, 7): quaternion xyzw and compressed translation of poses (N, 4, 4)."""
    rotation = _tensor(pose_to_quaternion_xyzw(T), device)
    return torch.cat([rotation, compressed(_tensor(T[:, :3, 3], device))], 1)


def _tensor(array: np.ndarray, device: torch.device) -> Tensor:
    return torch.from_numpy(array).float().to(device)
