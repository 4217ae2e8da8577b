"""The factor of a direction that is up, seen from a keyframe.

Up is the third axis of an anchor's world, whose turn about that axis, place and size nothing here
tells. What sees up may be mounted a little askew, always the same way: that is a variable too, its
mount, R_camera_sensor about the identity. Derivatives are those of perturbations on the right.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

import gtsam
import numpy as np

from mapper.backend.graph.graph_problem import Kernel
from mapper.backend.graph.graph_solver import Group
from mapper.backend.graph.prior_factors import Jacobians, anchor_key, anchor_of, cross, noise_of
from mapper.backend.graph.priors import UpPrior
from mapper.core.sim3 import rigid_part

MOUNTED_DEG: Final = 2.0  # about each axis, that a sensor sits askew to its camera
LEVEL: Final = 1e-9  # of a sine
Parts = tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]


def mount_key(number: int) -> int:
    """GTSAM's key of a mount."""
    return int(gtsam.symbol("g", number))


def mounted_names(ups: Iterable[UpPrior]) -> list[str]:
    """Of the sources, each of which has a mount, by its number."""
    return list(dict.fromkeys(prior.name for prior in ups))


def up_factor(
    prior: UpPrior, anchor: int, mount: int, group: Group, kernel: Kernel | None
) -> gtsam.CustomFactor:
    """Of the angle between up and what is seen as up. anchor: number of the one whose z is up."""

    def error(_: Any, values: gtsam.Values, H: Jacobians) -> np.ndarray:
        residual, by_keyframe, by_anchor, by_mount = _error(
            prior,
            group.unwrap(values, prior.keyframe),
            anchor_of(values, anchor),
            np.asarray(values.atRot3(mount_key(mount)).matrix()),
        )
        if H is not None:
            H[0], H[1], H[2] = by_keyframe[:, : group.dof], by_anchor, by_mount
        return residual

    keys = [prior.keyframe, anchor_key(anchor), mount_key(mount)]
    return gtsam.CustomFactor(noise_of(np.full(2, prior.sigma_rad), kernel), keys, error)


def mount_prior(mount: int) -> gtsam.PriorFactorRot3:
    """A sensor is mounted as it is said, nearly."""
    noise = gtsam.noiseModel.Isotropic.Sigma(3, float(np.radians(MOUNTED_DEG)))
    return gtsam.PriorFactorRot3(mount_key(mount), gtsam.Rot3(), noise)


def up_residual(
    prior: UpPrior, S: np.ndarray, A: np.ndarray, R_mount: np.ndarray | None = None
) -> np.ndarray:
    """Radians (2,) that up is off. S, A: where its keyframe and its anchor are."""
    return _error(prior, S, A, np.eye(3) if R_mount is None else R_mount)[0]


def tilt_sigmas(
    ups: Iterable[UpPrior],
    poses: Mapping[int, np.ndarray],
    A: np.ndarray,
    mounts: Mapping[str, np.ndarray],
) -> np.ndarray:
    """(N,): in sigmas, how far off each is."""
    return np.array(
        [
            np.linalg.norm(up_residual(p, poses[p.keyframe], A, mounts.get(p.name))) / p.sigma_rad
            for p in ups
        ]
    )


def _error(prior: UpPrior, S: np.ndarray, A: np.ndarray, R_mount: np.ndarray) -> Parts:
    """(residual (2,), by the keyframe (2, 7), by the anchor (2, 7), by the mount (2, 3)).

    The residual is the horizontal part of what is seen as up, as long as the angle that it is off:
    the sine would be content with down.
    """
    R_a_k = rigid_part(A)[:3, :3].T @ rigid_part(S)[:3, :3]
    R_a_c = R_a_k @ prior.R_keyframe_camera
    seen = R_mount @ prior.up
    u = R_a_c @ seen
    across, off = float(np.hypot(u[0], u[1])), float(np.arctan2(np.hypot(u[0], u[1]), u[2]))
    if across < LEVEL:
        # Straight up, or straight down, where every way round is as long.
        J = np.hstack([np.eye(2), np.zeros((2, 1))])
        residual = u[:2] if u[2] > 0 else np.array([np.pi, 0.0])
    else:
        along, stretch = u[:2] / across, off / across
        angle_by_u = np.append(u[2] * along, -across)
        stretch_by_u = angle_by_u / across - off / across**2 * np.append(along, 0.0)
        J = np.hstack([stretch * np.eye(2), np.zeros((2, 1))]) + np.outer(u[:2], stretch_by_u)
        residual = stretch * u[:2]
    by_keyframe, by_anchor = np.zeros((2, 7)), np.zeros((2, 7))
    by_keyframe[:, :3] = -J @ R_a_k @ cross(prior.R_keyframe_camera @ seen)
    by_anchor[:, :3] = J @ cross(u)
    by_mount = -J @ R_a_c @ R_mount @ cross(prior.up)
    return residual, by_keyframe, by_anchor, by_mount
