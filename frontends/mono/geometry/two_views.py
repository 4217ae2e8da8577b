"""The motions that two views allow: every direction is tried, for there may be several."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

if TYPE_CHECKING:
    from jaxtyping import Float64

DIRECTIONS: Final = 40  # over half a sphere: 23 degrees from one to the next
MOST_RAYS: Final = 150  # that are looked at
TURNING, MOVING = 5, 5  # iterations: of the rotation alone, then of the direction too
DAMPING: Final = 1e-4
MOST_SQUARED: Final = 4.0  # (standard deviations)^2 that one track may cost
MOTIONS: Final = 5  # that are told
APART: Final = float(np.radians(15))  # between two motions that are not the same


def likely_motions(
    a: Float64[np.ndarray, "n 3"], b: Float64[np.ndarray, "n 3"], sigma: float
) -> list[Float64[np.ndarray, "3 4"]]:
    """T_b_a, of length 1, that explain unit rays a and b (N, 3) best; the best first.

    sigma: of a ray, radians. From directions all around, rotation and direction are adjusted so
    that the rays lie in planes with it; tracks that are far off count less and less. Unlike samples
    of five tracks this finds all that a plane, a short way or a forward motion leaves open, and
    needs no bound on what agrees.
    """
    step = max(-(-len(a) // MOST_RAYS), 1)
    a, b = a[::step], b[::step]
    R, t, cost = _descended(a, b, _half_sphere(DIRECTIONS), sigma)
    order = np.argsort(cost, kind="stable")
    centres = np.einsum("dji,dj->di", R, t)  # of view b seen from a, up to the sign
    chosen: list[int] = []
    for i in order:
        if all(abs(centres[i] @ centres[other]) < np.cos(APART) for other in chosen):
            chosen.append(int(i))
        if len(chosen) == MOTIONS:
            break
    return [_in_front(a, b, R[i], t[i]) for i in chosen]


def rotation_between(
    a: Float64[np.ndarray, "n 3"], b: Float64[np.ndarray, "n 3"]
) -> Float64[np.ndarray, "3 3"]:
    """R with b ~ R a of unit rays (N, 3), those that disagree counting less and less."""
    weights = np.ones(len(a))
    R = np.eye(3)
    for _ in range(5):
        U, _, Vt = np.linalg.svd((weights[:, None] * b).T @ a)
        R = U @ np.diag([1, 1, np.sign(np.linalg.det(U @ Vt))]) @ Vt
        off = np.linalg.norm(b - a @ R.T, axis=1)
        weights = 1 / np.maximum(off, 1e-3 + 0.1 * np.median(off))
    return R


def _half_sphere(count: int) -> Float64[np.ndarray, "d 3"]:
    """Directions evenly over half a sphere, along a spiral."""
    place = np.arange(count) + 0.5
    z = 1 - place / count
    turn = np.pi * (1 + np.sqrt(5)) * place
    across = np.sqrt(1 - z**2)
    return np.stack([across * np.cos(turn), across * np.sin(turn), z], axis=1)


def _descended(
    a: Float64[np.ndarray, "n 3"],
    b: Float64[np.ndarray, "n 3"],
    t: Float64[np.ndarray, "d 3"],
    sigma: float,
) -> tuple[Float64[np.ndarray, "d 3 3"], Float64[np.ndarray, "d 3"], Float64[np.ndarray, " d"]]:
    """Rotations and directions that start from each t, and what they cost, see MOST_SQUARED.

    Gauss and Newton with Geman and McClure's weights on the angles by which the rays b lie beside
    the plane of t and R a: first the rotation alone, then both.
    """
    R = np.repeat(rotation_between(a, b)[None], len(t), axis=0)
    for iteration in range(TURNING + MOVING):
        off, J = _beside(a, b, R, t)
        weights = (1 + (off / sigma) ** 2) ** -2
        free = 3 if iteration < TURNING else 5
        J = J[..., :free]
        H = np.einsum("dn,dni,dnj->dij", weights, J, J)
        H += (DAMPING * np.trace(H, axis1=1, axis2=2) + 1e-9)[:, None, None] * np.eye(free)
        g = np.einsum("dn,dni->di", weights * off, J)
        step = -np.linalg.solve(H, g[..., None])[..., 0]
        R = _rotations(step[:, :3]) @ R
        if free == 5:
            t = t + np.einsum("dk,dki->di", step[:, 3:], _across(t))
            t /= np.linalg.norm(t, axis=1, keepdims=True)
    off, _ = _beside(a, b, R, t)
    return R, t, np.minimum((off / sigma) ** 2, MOST_SQUARED).mean(1)


def _beside(
    a: Float64[np.ndarray, "n 3"],
    b: Float64[np.ndarray, "n 3"],
    R: Float64[np.ndarray, "d 3 3"],
    t: Float64[np.ndarray, "d 3"],
) -> tuple[Float64[np.ndarray, "d n"], Float64[np.ndarray, "d n 5"]]:
    """Angles of the rays b beside the plane of t and R a; and their derivatives by a rotation from
    the left of R (3) and a step of t across itself (2)."""
    turned = a @ R.transpose(0, 2, 1)
    normal = np.cross(t[:, None], turned)
    length = np.maximum(np.linalg.norm(normal, axis=-1, keepdims=True), 1e-9)
    normal /= length
    off = np.einsum("dni,ni->dn", normal, b)
    within = b - off[..., None] * normal  # of the plane: the normal keeps its length
    turning = np.einsum("di,dni->dn", t, turned)[..., None] * within
    turning -= np.einsum("dni,dni->dn", turned, within)[..., None] * t[:, None]
    moving = np.einsum("dni,dki->dnk", np.cross(turned, within), _across(t))
    J = [turning / length, moving / length]
    return off, np.concatenate(J, axis=-1)


def _across(t: Float64[np.ndarray, "d 3"]) -> Float64[np.ndarray, "d 2 3"]:
    """Two directions at right angles to each unit vector and to each other."""
    least = np.eye(3)[np.abs(t).argmin(1)]
    first = np.cross(t, least)
    first /= np.linalg.norm(first, axis=1, keepdims=True)
    return np.stack([first, np.cross(t, first)], axis=1)


def _rotations(twists: Float64[np.ndarray, "d 3"]) -> Float64[np.ndarray, "d 3 3"]:
    """exp of rotation vectors. Source: Rodrigues."""
    angle = np.linalg.norm(twists, axis=1)[:, None, None]
    x, y, z = (twists / np.maximum(angle[:, 0], 1e-12)).T
    zero = np.zeros_like(x)
    K = np.stack([zero, -z, y, z, zero, -x, -y, x, zero], axis=1).reshape(-1, 3, 3)
    return np.eye(3) + np.sin(angle) * K + (1 - np.cos(angle)) * (K @ K)


def _in_front(
    a: Float64[np.ndarray, "n 3"],
    b: Float64[np.ndarray, "n 3"],
    R: Float64[np.ndarray, "3 3"],
    t: Float64[np.ndarray, " 3"],
) -> Float64[np.ndarray, "3 4"]:
    """T_b_a with the sign of t for which most points lie before both views."""
    turned = a @ R.T
    normal = np.cross(b, turned)
    before_b = np.sign((np.cross(t, turned) * normal).sum(1))
    before_a = np.sign((np.cross(t, b) * normal).sum(1))
    sign = -1.0 if (before_a + before_b).sum() < 0 else 1.0
    return np.hstack([R, sign * t[:, None]])
