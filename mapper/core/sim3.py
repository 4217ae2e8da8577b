"""Similarity transforms S_a_b = (s, R, t): x_a = s R x_b + t, as matrices [[s R, t], [0, 1]].

Matrices compose by multiplication, so rigid poses are similarities of scale 1. The tangent is
[omega (rad), rho, log scale], perturbed on the right: S exp(xi).
Source: Strasdat, "Local accuracy and global consistency for efficient visual SLAM", 2012, ch. 2.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import gtsam
import numpy as np

from mapper.core.geometry import inverse_with, orthonormalised

if TYPE_CHECKING:
    from jaxtyping import Float, Float64


def similarity(
    scale: float | np.ndarray, T: Float[np.ndarray, "*batch 4 4"]
) -> Float[np.ndarray, "*batch 4 4"]:
    """S (..., 4, 4) = (scale, R, t) from scales (...) and rigid parts T (..., 4, 4)."""
    S = T.copy()
    S[..., :3, :3] *= np.asarray(scale)[..., None, None]
    return S


def scale_of(S: Float[np.ndarray, "*batch 4 4"]) -> Float[np.ndarray, "*batch"]:
    """Scales (...) of similarities (..., 4, 4); a numpy scalar for a single one."""
    return np.linalg.norm(S[..., :3, 0], axis=-1)


def rigid_part(S: Float[np.ndarray, "*batch 4 4"]) -> Float[np.ndarray, "*batch 4 4"]:
    """The poses (..., 4, 4) of the cameras whose local units S (..., 4, 4) rescales."""
    T = S.copy()
    T[..., :3, :3] /= scale_of(S)[..., None, None]
    return orthonormalised(T)


def inverse_similarity(S: Float[np.ndarray, "*batch 4 4"]) -> Float[np.ndarray, "*batch 4 4"]:
    """Inverses of similarities (..., 4, 4): (1 / s, R^T, -R^T t / s)."""
    sR_t = np.swapaxes(S[..., :3, :3], -1, -2) / (scale_of(S) ** 2)[..., None, None]
    return inverse_with(sR_t, S)


def exp_sim3(xi: Float[np.ndarray, " 7"]) -> Float64[np.ndarray, "4 4"]:
    """S (4, 4) of a tangent vector (7,)."""
    return from_gtsam(gtsam.Similarity3.Expmap(xi))


def log_sim3(S: Float[np.ndarray, "4 4"]) -> Float64[np.ndarray, " 7"]:
    """Tangent vector (7,) of S (4, 4)."""
    return np.asarray(gtsam.Similarity3.Logmap(to_gtsam(S)))


def adjoint_sim3(S: Float[np.ndarray, "4 4"]) -> Float64[np.ndarray, "7 7"]:
    """Ad(S) (7, 7) with S exp(x) S^-1 = exp(Ad(S) x)."""
    return np.asarray(to_gtsam(S).AdjointMap())


def to_gtsam(S: Float[np.ndarray, "4 4"]) -> gtsam.Similarity3:
    """GTSAM writes x_a = s (R x_b + t'), so t' = t / s."""
    return all_to_gtsam(S[None])[0]


def all_to_gtsam(S: Float[np.ndarray, "n 4 4"]) -> list[gtsam.Similarity3]:
    """The same of many, which takes less than half as long for each."""
    scales, R = scale_of(S), orthonormalised(S)[:, :3, :3]
    return [
        gtsam.Similarity3(gtsam.Rot3(each), t / scale, float(scale))
        for each, t, scale in zip(R, S[:, :3, 3], scales, strict=True)
    ]


def from_gtsam(S: gtsam.Similarity3) -> Float64[np.ndarray, "4 4"]:
    """The matrix (4, 4) [[s R, t], [0, 1]] of a similarity of GTSAM."""
    scale = S.scale()
    result = np.eye(4)
    result[:3, :3] = scale * S.rotation().matrix()
    result[:3, 3] = scale * S.translation()
    return result
