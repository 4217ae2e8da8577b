"""The factor of a motion between two frames that another sensor's odometry tells."""

from __future__ import annotations

from typing import Any

import gtsam
import numpy as np

from mapper.backend.graph.graph_problem import Kernel
from mapper.backend.graph.graph_solver import Group
from mapper.backend.graph.prior_factors import (
    Jacobians,
    acting_on,
    anchor_key,
    anchor_of,
    cross,
    inverse_right_jacobian,
    noise_of,
)
from mapper.backend.graph.priors import MotionPrior
from mapper.core.sim3 import rigid_part, scale_of


def motion_factor(
    prior: MotionPrior, metre: int, group: Group, kernel: Kernel | None
) -> gtsam.CustomFactor:
    """Of the rotation and then the way, between two keyframes. metre: number of the anchor whose
    unit is the metre."""

    def error(_: Any, values: gtsam.Values, H: Jacobians) -> np.ndarray:
        S_i, S_j = group.unwrap(values, prior.i), group.unwrap(values, prior.j)
        residual, by_i, by_j, by_scale = _error(
            prior, S_i, S_j, float(scale_of(anchor_of(values, metre)))
        )
        if H is not None:
            H[0], H[1], H[2] = by_i[:, : group.dof], by_j[:, : group.dof], by_scale
        return residual

    keys = [prior.i, prior.j, anchor_key(metre)]
    return gtsam.CustomFactor(noise_of(prior.sigmas, kernel), keys, error)


def motion_residual(
    prior: MotionPrior, S_i: np.ndarray, S_j: np.ndarray, unit: float
) -> np.ndarray:
    """In sigmas (6,). unit: how long a metre is in the map."""
    return np.asarray(_error(prior, S_i, S_j, unit)[0] / prior.sigmas)


def _error(
    prior: MotionPrior, S_i: np.ndarray, S_j: np.ndarray, unit: float
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """(residual (6,): radians, metres; by S_i (6, 7), by S_j (6, 7), by the metre's anchor)."""
    R_i, R_j = rigid_part(S_i)[:3, :3], rigid_part(S_j)[:3, :3]
    R_i_c, R_j_c = (rigid_part(S)[:3, :3] for S in (prior.S_i_camera, prior.S_j_camera))
    x_i, x_j = prior.S_i_camera[:3, 3], prior.S_j_camera[:3, 3]
    R_c_d = (R_i @ R_i_c).T @ R_j @ R_j_c  # from the second camera to the first
    turned = np.asarray(gtsam.Rot3.Logmap(gtsam.Rot3(prior.T_first_second[:3, :3].T @ R_c_d)))
    J = inverse_right_jacobian(turned)
    way = S_j[:3, :3] @ x_j + S_j[:3, 3] - S_i[:3, :3] @ x_i - S_i[:3, 3]
    along = (R_i @ R_i_c).T @ way / unit
    by_i, by_j, by_scale = (np.zeros((6, 7)) for _ in range(3))
    by_i[:3, :3] = -J @ R_c_d.T @ R_i_c.T
    by_j[:3, :3] = J @ R_j_c.T
    by_i[3:] = -(R_i @ R_i_c).T @ S_i[:3, :3] @ acting_on(x_i) / unit
    by_i[3:, :3] += R_i_c.T @ cross(R_i.T @ way) / unit
    by_j[3:] = (R_i @ R_i_c).T @ S_j[:3, :3] @ acting_on(x_j) / unit
    by_scale[3:, 6] = -along
    return np.concatenate([turned, along - prior.T_first_second[:3, 3]]), by_i, by_j, by_scale
