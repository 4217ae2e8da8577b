"""GTSAM's factors of priors. Derivatives are those of perturbations on the right, S exp(xi)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import gtsam
import numpy as np

from mapper.backend.graph.graph_problem import Kernel
from mapper.backend.graph.graph_solver import Group
from mapper.backend.graph.priors import LengthPrior, Measured, PosePrior, ScalePrior
from mapper.core.sim3 import from_gtsam, scale_of

SMALL_ANGLE: Final = 1e-4
Jacobians = list[np.ndarray] | None
Error = Callable[[np.ndarray, np.ndarray, Jacobians], np.ndarray]


def anchor_key(source: int) -> int:
    """GTSAM's key of a source's anchor; a keyframe's is its id."""
    return int(gtsam.symbol("a", source))


def anchor_of(values: gtsam.Values, source: int) -> np.ndarray:
    """S_world_source (4, 4)."""
    return from_gtsam(values.atSimilarity3(anchor_key(source)))


def pose_factor(prior: PosePrior, group: Group, kernel: Kernel | None) -> gtsam.CustomFactor:
    """Of the rotation, as far as it is told, and then the position."""
    told, sigmas = [], []
    if prior.R_source_camera is not None:
        told.append(_rotation_error)
        sigmas += [prior.sigma_rad] * 3
    if prior.position is not None:
        told.append(_position_error)
        sigmas += list(prior.sigmas)

    def error(_: Any, values: gtsam.Values, H: Jacobians) -> np.ndarray:
        S, A = group.unwrap(values, prior.keyframe), anchor_of(values, prior.source)
        parts = [of(prior, S, A) for of in told]
        if H is not None:
            H[0] = np.concatenate([J[:, : group.dof] for _, J, _ in parts])
            H[1] = np.concatenate([J for _, _, J in parts])
        return np.concatenate([residual for residual, _, _ in parts])

    keys = [prior.keyframe, anchor_key(prior.source)]
    noise = noise_of(np.array(sigmas) / np.sqrt(prior.weight), kernel)
    return gtsam.CustomFactor(noise, keys, error)


def measured_factor(
    prior: Measured, metre: int, group: Group, kernel: Kernel | None = None
) -> gtsam.CustomFactor:
    """Of a length or a scale. metre: number of the anchor whose unit is the metre. kernel: for a
    scale that is not certain."""
    noise = noise_of(np.array([prior.sigma]), None)
    if isinstance(prior, ScalePrior):
        noise = noise_of(np.array([prior.sigma]), None if prior.is_certain else kernel)
        return gtsam.CustomFactor(
            noise, [prior.keyframe, anchor_key(metre)], _scale_error(prior, metre, group)
        )
    keyframes = [prior.i] if prior.i == prior.j else [prior.i, prior.j]
    error = _length_error(prior, metre, group)
    return gtsam.CustomFactor(noise, [*keyframes, anchor_key(metre)], error)


def same_scale(first: int, second: int, sigma: float) -> gtsam.CustomFactor:
    """The units of two anchors are of one size."""

    def error(_: Any, values: gtsam.Values, H: Jacobians) -> np.ndarray:
        if H is not None:
            H[0], H[1] = _last(1.0), _last(-1.0)
        ratio = scale_of(anchor_of(values, first)) / scale_of(anchor_of(values, second))
        return np.array([np.log(ratio)])

    keys = [anchor_key(first), anchor_key(second)]
    return gtsam.CustomFactor(gtsam.noiseModel.Isotropic.Sigma(1, sigma), keys, error)


def pose_residual(prior: PosePrior, S: np.ndarray, A: np.ndarray) -> np.ndarray:
    """In sigmas (dof,), however little it weighs. S, A: where its keyframe and its source are."""
    parts = []
    if prior.R_source_camera is not None:
        parts.append(_rotation_error(prior, S, A)[0] / prior.sigma_rad)
    if prior.position is not None:
        parts.append(_position_error(prior, S, A)[0] / prior.sigmas)
    return np.concatenate(parts)


def measured_metres(prior: LengthPrior, S_i: np.ndarray, S_j: np.ndarray, unit: float) -> float:
    """How long it is in the map, where a metre is `unit` long."""
    ends = S_i @ np.append(prior.point_i, 1) - S_j @ np.append(prior.point_j, 1)
    return float(np.linalg.norm(ends) / unit)


def _position_error(
    prior: PosePrior, S: np.ndarray, A: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(residual (3,), by the keyframe (3, 7), by the anchor (3, 7))."""
    assert prior.position is not None
    x = prior.S_keyframe_camera[:3, 3]
    sR_A_inv = A[:3, :3].T / scale_of(A) ** 2
    z = sR_A_inv @ (S[:3, :3] @ x + S[:3, 3] - A[:3, 3])
    by_keyframe = sR_A_inv @ S[:3, :3] @ acting_on(x)
    return z - prior.position, by_keyframe, -acting_on(z)


def _rotation_error(
    prior: PosePrior, S: np.ndarray, A: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """As _position_error, of the rotation vector [rad] that the camera is turned too far."""
    assert prior.R_source_camera is not None
    camera = prior.S_keyframe_camera[:3, :3]
    R_k_c = camera / np.linalg.norm(camera[:, 0])
    R_source_camera = A[:3, :3].T @ S[:3, :3] @ R_k_c / (scale_of(A) * scale_of(S))
    residual = np.asarray(gtsam.Rot3.Logmap(gtsam.Rot3(prior.R_source_camera.T @ R_source_camera)))
    J = inverse_right_jacobian(residual)
    by_keyframe, by_anchor = np.zeros((3, 7)), np.zeros((3, 7))
    by_keyframe[:, :3] = J @ R_k_c.T
    by_anchor[:, :3] = -J @ R_source_camera.T
    return residual, by_keyframe, by_anchor


def _scale_error(prior: ScalePrior, metre: int, group: Group) -> Any:
    def error(_: Any, values: gtsam.Values, H: Jacobians) -> np.ndarray:
        if H is not None:
            H[0], H[1] = _last(1.0)[:, : group.dof], _last(-1.0)
        S, A = group.unwrap(values, prior.keyframe), anchor_of(values, metre)
        return np.array([np.log(scale_of(S) / scale_of(A)) - prior.log_metres])

    return error


def _length_error(prior: LengthPrior, metre: int, group: Group) -> Any:
    def error(_: Any, values: gtsam.Values, H: Jacobians) -> np.ndarray:
        S_i, S_j = group.unwrap(values, prior.i), group.unwrap(values, prior.j)
        way = S_i @ np.append(prior.point_i, 1) - S_j @ np.append(prior.point_j, 1)
        length = np.linalg.norm(way)
        if H is not None:
            along = way[:3] / length**2
            J_i = (along @ S_i[:3, :3] @ acting_on(prior.point_i))[None, : group.dof]
            J_j = -(along @ S_j[:3, :3] @ acting_on(prior.point_j))[None, : group.dof]
            if prior.i == prior.j:
                H[0], H[1] = J_i + J_j, _last(-1.0)
            else:
                H[0], H[1], H[2] = J_i, J_j, _last(-1.0)
        unit = scale_of(anchor_of(values, metre))
        return np.array([np.log(length / (unit * prior.metres))])

    return error


def acting_on(x: np.ndarray) -> np.ndarray:
    """(3, 7): how a point (3,) moves by the tangent of a similarity that acts on it."""
    return np.column_stack([-cross(x), np.eye(3), x])


def cross(x: np.ndarray) -> np.ndarray:
    """(3, 3): cross(x) @ y is the cross product."""
    return np.array([[0, -x[2], x[1]], [x[2], 0, -x[0]], [-x[1], x[0], 0]])


def inverse_right_jacobian(omega: np.ndarray) -> np.ndarray:
    """(3, 3) of SO(3) at a rotation vector."""
    angle, K = float(np.linalg.norm(omega)), cross(omega)
    if angle < SMALL_ANGLE:
        return np.eye(3) + 0.5 * K + K @ K / 12
    half = 0.5 * angle
    return np.eye(3) + 0.5 * K + (1 - half / np.tan(half)) / angle**2 * K @ K


def _last(value: float) -> np.ndarray:
    """(1, 7): of the log scale alone."""
    J = np.zeros((1, 7))
    J[0, 6] = value
    return J


def noise_of(sigmas: np.ndarray, kernel: Kernel | None) -> gtsam.noiseModel.Base:
    """Of residuals with these deviations, robust with a kernel."""
    noise = gtsam.noiseModel.Diagonal.Sigmas(sigmas)
    return noise if kernel is None else gtsam.noiseModel.Robust.Create(kernel.created(), noise)
