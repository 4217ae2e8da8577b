"""An image's own depth, aligned with several keyframes at once: the pose to a few millimetres."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from mapper.core.geometry import exp_se3, inverse
from mapper.core.sim3 import adjoint_sim3, log_sim3
from mapper.localization.landmarks import Landmarks
from mapper.vision.alignment_evidence import Evidence, evidence_of
from mapper.vision.dense_alignment import AlignmentConfig, align
from mapper.vision.depth_pyramid import DepthPyramid

if TYPE_CHECKING:
    from jaxtyping import Float64

ALIGNMENT: Final = AlignmentConfig(iterations=(4, 8, 10), max_distance=0.1)  # as of keyframes
ROUNDS: Final = 2  # the second begins where all keyframes together have put it
MIN_SEEN: Final = 0.15  # of the image's points, by a keyframe
MIN_AGREEMENT: Final = 0.6  # of these, with its surfaces
# Deviations of a keyframe's place in its map: radians and units.
IN_MAP: Final = np.array([0.002] * 3 + [0.005] * 3)
NOTHING_KNOWN: Final = 1e-2  # information: sigma 10
STEPS: Final = 3


@dataclass(frozen=True, slots=True)
class DensePlace:
    """T_world_camera: (4, 4). covariance: (6, 6), see Refined. aligned: ids of the keyframes with
    whose surfaces it agrees, and `evidence` of the one that sees most of it."""

    T_world_camera: Float64[np.ndarray, "4 4"]
    covariance: Float64[np.ndarray, "6 6"]
    aligned: tuple[int, ...]
    evidence: Evidence


@dataclass(frozen=True, slots=True)
class _Aligned:
    keyframe: int
    T_world_camera: np.ndarray
    information: np.ndarray
    evidence: Evidence


def placed_by_depth(
    landmarks: Landmarks,
    keyframes: list[int],
    pyramid: DepthPyramid,
    T_world_camera: Float64[np.ndarray, "4 4"],
) -> DensePlace | None:
    """Where the keyframes' surfaces put an image; None where none of them bears it out.

    Each keyframe counts in those directions in which it holds the image. pyramid: of the image.
    """
    T, parts = T_world_camera, list[_Aligned]()
    for _ in range(ROUNDS):
        each = (_aligned(landmarks, k, pyramid, T) for k in keyframes)
        parts = [part for part in each if part is not None]
        if not parts:
            return None
        T, information = _joined(parts)
    seen_most = max(parts, key=lambda part: part.evidence.seen)
    ids = tuple(part.keyframe for part in parts)
    # What neighbouring keyframes are off by they have in common.
    covariance = np.linalg.inv(information) + np.diag(IN_MAP**2)
    return DensePlace(T, covariance, ids, seen_most.evidence)


def _aligned(
    landmarks: Landmarks, keyframe: int, pyramid: DepthPyramid, T_world_camera: np.ndarray
) -> _Aligned | None:
    """With one keyframe; None where they do not agree."""
    reference, T_world_landmark = landmarks.pyramid(keyframe), landmarks.pose(keyframe)
    aligned = align(reference, pyramid, inverse(T_world_landmark) @ T_world_camera, ALIGNMENT)
    if not aligned.converged:
        return None
    T = aligned.S_reference_source
    evidence = evidence_of(reference, pyramid, T)
    if evidence.seen < MIN_SEEN or evidence.agree < MIN_AGREEMENT:
        return None
    into_camera = adjoint_sim3(inverse(T))[:6, :6]  # exp(x) T = T exp(Ad(T^-1) x)
    covariance = into_camera @ aligned.covariance @ into_camera.T + np.diag(IN_MAP**2)
    return _Aligned(keyframe, T_world_landmark @ T, np.linalg.inv(covariance), evidence)


def _joined(parts: list[_Aligned]) -> tuple[np.ndarray, np.ndarray]:
    """The pose on which they agree best, and its information (6, 6)."""
    T = parts[0].T_world_camera
    information = sum((part.information for part in parts), np.zeros((6, 6)))
    for _ in range(STEPS):
        pull = sum(
            (part.information @ log_sim3(inverse(T) @ part.T_world_camera)[:6] for part in parts),
            np.zeros(6),
        )
        T = T @ exp_se3(np.linalg.solve(information, pull))
    return T, information
