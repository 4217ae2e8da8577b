"""How well a mesh covers another one."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from mapper.core.mesh import Mesh
from mapper.core.sim3 import rigid_part, scale_of, similarity
from mapper.runtime.open3d_loader import load_open3d

POINTS = 200_000


@dataclass(frozen=True, slots=True)
class MeshScore:
    """precision: share of our surface near the reference's; recall: the reverse. 0..1."""

    precision: float
    recall: float

    @property
    def f_score(self) -> float:
        total = self.precision + self.recall
        return 0.0 if total == 0 else 2 * self.precision * self.recall / total


def score_mesh(
    mesh: Mesh, reference: Mesh, S_reference_mesh: np.ndarray, distance: float = 0.05
) -> MeshScore:
    """Share of evenly drawn surface points within `distance` of the other mesh's.

    After point-to-point ICP from S_reference_mesh, whose scale stays.
    Source: Knapitsch et al., "Tanks and Temples", SIGGRAPH 2017.
    """
    o3d = load_open3d()
    scale, T = float(scale_of(S_reference_mesh)), rigid_part(S_reference_mesh)
    ours = _sampled(mesh, similarity(scale, np.eye(4)))
    theirs = _sampled(reference, np.eye(4))
    refined = o3d.pipelines.registration.registration_icp(ours, theirs, 2 * distance, T)
    ours.transform(refined.transformation)
    precision = np.mean(np.asarray(ours.compute_point_cloud_distance(theirs)) < distance)
    recall = np.mean(np.asarray(theirs.compute_point_cloud_distance(ours)) < distance)
    return MeshScore(float(precision), float(recall))


def _sampled(mesh: Mesh, S: np.ndarray):  # type: ignore[no-untyped-def]
    """POINTS of the surface as an Open3D point cloud; the same ones each time."""
    o3d = load_open3d()
    triangles = o3d.geometry.TriangleMesh(
        o3d.utility.Vector3dVector(mesh.vertices.astype(float) @ S[:3, :3].T),
        o3d.utility.Vector3iVector(mesh.faces),
    )
    o3d.utility.random.seed(0)
    return triangles.sample_points_uniformly(POINTS)
