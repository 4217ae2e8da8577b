"""The world of a simulation: one mesh, from which every true depth map is rendered."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from mapper.backend.fusion.tsdf import TsdfConfig, TsdfVolume
from mapper.backend.keyframes.flying_pixels import mask_unreliable
from mapper.core.depth_noise import STRUCTURED_LIGHT, depth_confidence
from mapper.core.geometry import orthonormalised
from mapper.core.intrinsics import Intrinsics
from mapper.core.mesh import Mesh
from mapper.core.trajectory import nearest_times
from mapper.errors import InputError
from mapper.io.sequences.sequence import Sequence
from mapper.runtime.open3d_loader import load_open3d, own_array

SAME_TIME = 0.02  # seconds between a frame and its ground-truth pose
EDGE_STEP = 0.05  # relative depth step that marks a flying pixel of the sensor


def true_poses(sequence: Sequence) -> np.ndarray:
    """T_world_camera float64 (N, 4, 4) of a sequence's frames; NaN where there is none in time."""
    truth = sequence.ground_truth
    if truth is None or len(truth) == 0:
        raise InputError(f"{sequence.path}: no ground-truth poses; use a sequence that has them")
    nearest = nearest_times(truth.timestamps, sequence.timestamps)
    poses = orthonormalised(truth.T_world_camera[nearest])
    late = np.abs(truth.timestamps[nearest] - sequence.timestamps) > SAME_TIME
    poses[late] = np.nan
    return poses


def fuse_truth(
    sequence: Sequence, poses: np.ndarray, frames: Iterable[int], config: TsdfConfig
) -> Mesh:
    """The mesh of a sequence's depth images at the true poses (N, 4, 4)."""
    volume = TsdfVolume(config)
    for index in frames:
        frame = sequence[index]
        if frame.depth is None or frame.intrinsics is None:
            raise InputError(f"{sequence.path}: frame {index} has no calibrated depth")
        depth = mask_unreliable(frame.depth, EDGE_STEP)
        weight = depth_confidence(depth, STRUCTURED_LIGHT.coefficients)
        volume.integrate(depth, weight, frame.image, frame.intrinsics, poses[index])
    mesh = volume.extract_mesh()
    if not len(mesh.faces):
        raise InputError(f"{sequence.path}: its depth makes no surface; use more frames")
    return mesh


@dataclass(frozen=True, slots=True)
class Hits:
    """Where the rays of a view's pixels meet the mesh first.

    depth: float32 (H, W), metres along z, 0 = nothing is met. face: int64 (H, W), -1 = none.
    barycentric: float32 (H, W, 2), weights of the face's second and third corner.
    """

    depth: np.ndarray
    face: np.ndarray
    barycentric: np.ndarray


class DepthRenderer:
    """Casts rays at a mesh (Open3D's RaycastingScene)."""

    def __init__(self, mesh: Mesh) -> None:
        self.mesh = mesh
        self._o3d = load_open3d()
        core = self._o3d.core
        self._scene = self._o3d.t.geometry.RaycastingScene(nthreads=1)
        self._scene.add_triangles(
            core.Tensor(mesh.vertices.astype(np.float32)), core.Tensor(mesh.faces.astype(np.uint32))
        )

    def depth(self, intrinsics: Intrinsics, T_world_camera: np.ndarray) -> np.ndarray:
        """float32 (H, W), metres along z; 0 where the ray meets nothing."""
        return self.cast(intrinsics, T_world_camera).depth

    def cast(self, intrinsics: Intrinsics, T_world_camera: np.ndarray) -> Hits:
        """What the ray through each pixel's centre meets."""
        rays = self._o3d.core.Tensor(_rays(intrinsics, T_world_camera.astype(np.float32)))
        hits = self._scene.cast_rays(rays, nthreads=1)
        distance = hits["t_hit"].numpy()
        met = np.isfinite(distance)
        face = np.where(met, hits["primitive_ids"].numpy().astype(np.int64), -1)
        return Hits(np.where(met, distance, np.float32(0)), face, own_array(hits["primitive_uvs"]))


def _rays(intrinsics: Intrinsics, T_world_camera: np.ndarray) -> np.ndarray:
    """float32 (H, W, 6). Of unit depth: the distance at which one hits is the depth along z."""
    u = (np.arange(intrinsics.width) - intrinsics.cx) / intrinsics.fx
    v = (np.arange(intrinsics.height) - intrinsics.cy) / intrinsics.fy
    across, down, ahead = T_world_camera[:3, :3].T
    rays = np.empty((intrinsics.height, intrinsics.width, 6), np.float32)
    rays[..., :3] = T_world_camera[:3, 3]
    rays[..., 3:] = u.astype(np.float32)[:, None] * across + ahead
    rays[..., 3:] += v.astype(np.float32)[:, None, None] * down
    return rays
