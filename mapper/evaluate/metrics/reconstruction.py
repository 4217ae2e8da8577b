"""How far a predicted cloud is from the true one: published normalisation, ICP, nearest points."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import torch
from scipy.spatial import KDTree

from mapper.errors import InputError
from mapper.evaluate.metrics.figures import Figures
from mapper.runtime.open3d_loader import load_open3d

SCALE_BOUNDS: Final = (1e-3, 1e3)  # of the predicted scale
MIN_POINTS: Final = 30  # of a cloud whose normals Open3D fits to 30 neighbours


@dataclass(frozen=True, slots=True)
class Normalisation:
    """gt_shift_z, pred_shift_z: the joint medians of z. gt_scale, pred_scale: median distances of
    the points from the median point, per axis, after that."""

    gt_shift_z: float
    pred_shift_z: float
    gt_scale: float
    pred_scale: float

    @staticmethod
    def of(true: np.ndarray, predicted: np.ndarray) -> Normalisation:
        """Of true and predicted points (N, 3) of the same pixels, in the first camera."""
        gt_shift, pred_shift = _median(true[:, 2]), _median(predicted[:, 2])
        gt_scale = _spread(true - along_z(gt_shift))
        pred_scale = _spread(predicted - along_z(pred_shift))
        return Normalisation(gt_shift, pred_shift, gt_scale, pred_scale)

    @property
    def scale(self) -> float:
        """What the prediction is multiplied by; finite even where all of it is one point."""
        return self.gt_scale / float(np.clip(self.pred_scale, *SCALE_BOUNDS))

    def centred(self, true: np.ndarray) -> np.ndarray:
        """True points (..., 3) without their median depth."""
        return true - along_z(self.gt_shift_z)

    def scaled(self, predicted: np.ndarray) -> np.ndarray:
        """Predicted points (..., 3) without theirs, at the true scale."""
        return (predicted - along_z(self.pred_shift_z)) * np.float32(self.scale)


@dataclass(frozen=True, slots=True)
class CloudErrors(Figures):
    """accuracy: distances (metres) from predicted to nearest true points; completeness: the other
    way. normal_1, normal_2: |cosine| of the normals of the same pairs. normal: their mean.
    icp_fitness: share of predicted points with a true one within the threshold.
    """

    accuracy: float
    accuracy_median: float
    completeness: float
    completeness_median: float
    normal_1: float
    normal_1_median: float
    normal_2: float
    normal_2_median: float
    normal: float
    normal_median: float
    icp_fitness: float
    points: int


def cloud_errors(
    predicted: np.ndarray, true: np.ndarray, icp_threshold: float, voxel_size: float = 0.0
) -> CloudErrors:
    """Errors of predicted (N, 3) against true points (M, 3), metres, after point-to-point ICP.

    icp_threshold: metres, start at the identity. voxel_size: metres, of thinning both clouds before
    the normals; 0 = none. Source: specs of CUT3R's evaluation, section D.
    """
    if min(len(predicted), len(true)) < MIN_POINTS:
        raise InputError(
            f"{len(predicted)} predicted and {len(true)} true points: too few to compare "
            f"(at least {MIN_POINTS}); are there valid depths?"
        )
    o3d = load_open3d()
    ours, theirs = _cloud(o3d, predicted), _cloud(o3d, true)
    fit = o3d.pipelines.registration.registration_icp(
        ours,
        theirs,
        icp_threshold,
        np.eye(4),
        o3d.pipelines.registration.TransformationEstimationPointToPoint(),
    )
    ours.transform(fit.transformation)
    if voxel_size:
        ours, theirs = ours.voxel_down_sample(voxel_size), theirs.voxel_down_sample(voxel_size)
    ours.estimate_normals()
    theirs.estimate_normals()
    first, second = _arrays(ours), _arrays(theirs)
    accuracy = nearest_errors(*first, *second)
    completeness = nearest_errors(*second, *first)
    normals = accuracy[2:] + completeness[2:]
    mean, median = (normals[0] + normals[2]) / 2, (normals[1] + normals[3]) / 2
    return CloudErrors(
        *accuracy[:2], *completeness[:2], *normals, mean, median, float(fit.fitness), len(first[0])
    )


def along_z(distance: float) -> np.ndarray:
    """float32 (3,): a step of this length along the camera's axis."""
    return np.array([0, 0, distance], np.float32)


def nearest_errors(
    points: np.ndarray, normals: np.ndarray, to_points: np.ndarray, to_normals: np.ndarray
) -> tuple[float, float, float, float]:
    """(mean, median) distance from each point to the nearest of to_points, and (mean, median) of
    the |cosine| between their normals. All (N, 3), normals of unit length."""
    distance, nearest = KDTree(to_points).query(points)
    cosine = np.abs((to_normals[nearest] * normals).sum(-1))
    return (
        float(distance.mean()),
        float(np.median(distance)),
        float(cosine.mean()),
        float(np.median(cosine)),
    )


def _median(values: np.ndarray) -> float:
    """The lower middle one of an even count, as torch has it."""
    return float(torch.from_numpy(np.ascontiguousarray(values)).nanmedian())


def _spread(points: np.ndarray) -> float:
    centre = np.array([_median(points[:, axis]) for axis in range(3)], points.dtype)
    return _median(np.linalg.norm(points - centre, axis=-1))


def _cloud(o3d: Any, points: np.ndarray) -> Any:
    return o3d.geometry.PointCloud(o3d.utility.Vector3dVector(points.astype(float)))


def _arrays(cloud: Any) -> tuple[np.ndarray, np.ndarray]:
    return np.asarray(cloud.points), np.asarray(cloud.normals)
