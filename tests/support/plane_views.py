"""Views of one textured plane from known poses, rendered exactly at 160x120."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pypose
import torch
from pypose import LieTensor

from mapper.backend.alignment.config import GlobalAlignmentConfig
from mapper.backend.alignment.geometry import Pairs, State
from mapper.backend.alignment.similarities import similarities
from mapper.backend.alignment.views import Views, load_views
from mapper.backend.keyframes.keyframe_map import KeyframeMap
from mapper.backend.keyframes.map_cache import MapCache
from mapper.core.depth_noise import LEARNED
from mapper.core.geometry import pose
from mapper.core.intrinsics import Intrinsics

PLANE = Intrinsics(150.0, 150.0, 79.3, 59.6, 160, 120)
DISTANCE = 2.0  # of the plane z = DISTANCE in the world, metres
CONFIG = GlobalAlignmentConfig(width=160, corners=80, device="cpu")
CPU = torch.device("cpu")


def turned(yaw: float = 0.0, pitch: float = 0.0, roll: float = 0.0) -> np.ndarray:
    """Rotation (3, 3): radians about y, x and z, one after the other."""
    R = np.eye(3)
    for axis, angle in ((1, yaw), (0, pitch), (2, roll)):
        a, b = [k for k in range(3) if k != axis]
        step = np.eye(3)
        step[a, a] = step[b, b] = np.cos(angle)
        step[a, b], step[b, a] = -np.sin(angle), np.sin(angle)
        R = R @ step
    return R


def moved(x: float = 0.0, y: float = 0.0, z: float = 0.0, **angles: float) -> np.ndarray:
    """A pose (4, 4) near the origin, looking at the plane."""
    return pose(turned(**angles), np.array([x, y, z]))


def plane_map(T_world_camera: np.ndarray, intrinsics: Intrinsics = PLANE) -> KeyframeMap:
    """The plane as that camera sees it, with its exact depth."""
    v, u = np.indices((intrinsics.height, intrinsics.width))
    rays = np.stack(
        (
            (u - intrinsics.cx) / intrinsics.fx,
            (v - intrinsics.cy) / intrinsics.fy,
            np.ones(u.shape),
        ),
        -1,
    )
    R, t = T_world_camera[:3, :3], T_world_camera[:3, 3]
    depth = (DISTANCE - t[2]) / (rays @ R[2])
    points = (rays * depth[..., None]) @ R.T + t
    image = np.repeat(_texture(points[..., 0], points[..., 1])[..., None], 3, -1)
    weight = np.ones(depth.shape, np.float32)
    return KeyframeMap(depth.astype(np.float32), weight, image, intrinsics, LEARNED)


def plane_maps(poses: Mapping[int, np.ndarray]) -> MapCache:
    """Those of keyframes by number."""
    cache = MapCache(None, 64)
    for k, T in poses.items():
        cache.put(k, plane_map(T))
    return cache


def _texture(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """uint8: waves of 9 to 45 cm, 7 to 34 pixels at 2 m, so that bilinear sampling follows them."""
    rng = np.random.default_rng(5)
    value = np.zeros(x.shape)
    for _ in range(16):
        angle, length, phase = rng.uniform(0, np.pi), rng.uniform(0.09, 0.45), rng.uniform(0, 6.28)
        value += np.sin(2 * np.pi * (np.cos(angle) * x + np.sin(angle) * y) / length + phase)
    return np.clip(128 + 18 * value, 0, 255).round().astype(np.uint8)


def views_of(maps: Sequence[KeyframeMap], config: GlobalAlignmentConfig = CONFIG) -> Views:
    return load_views(range(len(maps)), maps.__getitem__, config, CPU)


def state_of(poses: Sequence[np.ndarray]) -> State:
    """Those poses, without depth corrections, at the focal lengths given."""
    nodes = CONFIG.correction_columns * CONFIG.correction_rows
    grids = torch.zeros((len(poses), nodes), dtype=torch.float64)
    S = similarities(np.stack(poses), CPU)
    return State(S, grids, torch.zeros((), dtype=torch.float64))


def all_pairs(count: int) -> Pairs:
    """Every ordered pair of the views."""
    i, j = np.nonzero(~np.eye(count, dtype=bool))
    return Pairs(torch.from_numpy(i), torch.from_numpy(j))


def nudged(S: LieTensor, xi: torch.Tensor) -> LieTensor:
    """S exp(xi), xi (N, 7) in this system's order, written so that pypose can differentiate it.

    The gradient that pypose gives a Sim3 is one of its tangent, not of its eight numbers: whoever
    takes those apart, as similarities.exp does, loses it.
    """
    return S @ pypose.sim3(torch.cat((xi[:, 3:6], xi[:, :3], xi[:, 6:]), -1)).Exp()
