"""Errors of the relative poses of all pairs of cameras, and the area under their curve."""

from __future__ import annotations

from itertools import combinations

import numpy as np
from scipy.spatial.transform import Rotation

from mapper.core.geometry import inverse

MIRRORED_AXES = (0, 1)  # in which PyTorch3D's camera axes point the other way than OpenCV's


def pair_errors_deg(estimate: np.ndarray, reference: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(rotation, translation) errors of T_camera_world (N, 4, 4): degrees, each (N (N - 1) / 2,).

    Of translations only the direction counts, and not its sign.
    Source: specs of VGGT's evaluation, section 6.
    """
    first, second = np.array(list(combinations(range(len(estimate)), 2)), int).reshape(-1, 2).T
    ours = estimate[first] @ inverse(estimate[second])
    true = reference[first] @ inverse(reference[second])
    turn = np.swapaxes(ours[:, :3, :3], 1, 2) @ true[:, :3, :3]
    rotation = np.degrees(Rotation.from_matrix(turn).magnitude())
    return rotation, _directions_deg(ours[:, :3, 3], true[:, :3, 3])


def area_under_curve(
    rotation_deg: np.ndarray, translation_deg: np.ndarray, threshold_deg: int
) -> float:
    """Mean over 1, 2 ... threshold_deg of the share of pairs with both errors below it."""
    worst = np.maximum(rotation_deg, translation_deg)
    counts, _ = np.histogram(worst, bins=np.arange(threshold_deg + 1))
    return float(np.cumsum(counts / len(worst)).mean())


def from_pytorch3d(R: np.ndarray, T: np.ndarray) -> np.ndarray:
    """T_camera_world (3, 4) with OpenCV's axes from PyTorch3D's R (3, 3), of row vectors, and T."""
    signs = np.ones(3)
    signs[list(MIRRORED_AXES)] = -1
    return np.concatenate([(R * signs).T, (T * signs)[:, None]], 1)


def _directions_deg(ours: np.ndarray, true: np.ndarray) -> np.ndarray:
    """Angles between lines along vectors (N, 3), 0 to 90 degrees; 90 where one has no length."""
    across = np.linalg.norm(np.cross(ours, true), axis=-1)
    along = np.abs((ours * true).sum(-1))
    undefined = (across == 0) & (along == 0)
    return np.where(undefined, 90.0, np.degrees(np.arctan2(across, along)))
