"""Residuals of the correspondences between views, with their derivatives."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from mapper.backend.alignment.geometry import (
    Carried,
    State,
    carry,
    corrected_log_depth,
    lookup,
    rays,
)
from mapper.backend.alignment.matching import Matches
from mapper.backend.alignment.similarities import POSE
from mapper.backend.alignment.views import Views


@dataclass(frozen=True, slots=True)
class Weighting:
    """pixel_sigma: of a match. depth_sigma: of a log depth. kernel_scale: in sigmas.

    ray: compare unit rays instead of pixels.
    """

    pixel_sigma: float
    depth_sigma: float
    kernel_scale: float
    ray: bool


@dataclass(frozen=True, slots=True)
class Linearised:
    """n matches of R residuals, all divided by their sigma.

    residual: (n, R). weight: (n, R), of the robust kernel; 0 where there is none. cost: (), robust,
    float64.
    J_i, J_j: (n, R, 7 + G), by pose and depth correction. J_focal: (n, R).
    """

    residual: Tensor
    weight: Tensor
    cost: Tensor
    J_i: Tensor
    J_j: Tensor
    J_focal: Tensor


@dataclass(frozen=True, slots=True)
class _Term:
    """value: (n, r). J_X: (n, r, 3), by the point in j. focal: (n, r), by the log focal length
    with the point held."""

    value: Tensor
    J_X: Tensor
    focal: Tensor


@dataclass(frozen=True, slots=True)
class _Compared:
    """n matches of R residuals, all divided by their sigma; 0 where there is none.

    residual, focal, trust: (n, R). J_X: (n, R, 3). known: (n, R). B_j: (n, G), 0 where the depth
    is not compared.
    """

    carried: Carried
    residual: Tensor
    J_X: Tensor
    focal: Tensor
    B_j: Tensor
    known: Tensor
    trust: Tensor


def linearise(views: Views, state: State, matches: Matches, weighting: Weighting) -> Linearised:
    """Where a sample was recognised: its place in the image, and its depth against that view's.

    Where it was not: only its depth, against the depth where it falls, sliding with it along the
    surface (point to plane in log depth). Robust: Geman-McClure on each; weighted by the
    confidences of the two views. Which residuals there are, and how far they are trusted, the
    matches say: of the same matches the cost is a continuous function of the state.
    """
    compared = _compare(views, state, matches, weighting)
    J_i, J_j, J_focal = _chain(compared.J_X, compared.carried)
    J_j[:, -1, POSE:] -= compared.B_j / weighting.depth_sigma
    weight, cost = _geman_mcclure(compared, weighting.kernel_scale)
    return Linearised(compared.residual, weight, cost, J_i, J_j, J_focal + compared.focal)


def robust_cost(views: Views, state: State, matches: Matches, weighting: Weighting) -> Tensor:
    """linearise(...).cost without what only the derivatives need."""
    compared = _compare(views, state, matches, weighting)
    return _geman_mcclure(compared, weighting.kernel_scale)[1]


def _compare(views: Views, state: State, matches: Matches, weighting: Weighting) -> _Compared:
    carried = carry(views, state, matches.picked)
    place = (_ray_place if weighting.ray else _pixel_place)(views, state, matches, carried)
    depth, B_j = _depth(views, state, matches, carried)
    there_are = torch.cat(
        (matches.found[:, None].expand_as(place.value), matches.same_surface[:, None]), 1
    )
    known = there_are & (carried.X_j[:, 2:] > 1e-3)
    sigmas = place.value.new_full((place.value.shape[1] + 1,), weighting.pixel_sigma)
    sigmas[-1] = weighting.depth_sigma
    return _Compared(
        carried,
        torch.where(known, torch.cat((place.value, depth.value), 1) / sigmas, 0),
        torch.where(known[..., None], torch.cat((place.J_X, depth.J_X), 1) / sigmas[:, None], 0),
        torch.where(known, torch.cat((place.focal, depth.focal), 1) / sigmas, 0),
        torch.where(known[:, -1:], B_j, 0),
        known,
        torch.where(there_are, _trust(views, matches), 0),
    )


def _chain(J_X: Tensor, carried: Carried) -> tuple[Tensor, Tensor, Tensor]:
    """Derivatives (n, R, 7 + G) by the pose and correction of i and of j, (n, R) by the log focal.

    X_j = S_j^-1 S_i X_i. Of i: d X_i = omega x X_i + rho + lambda X_i, and its depth's correction
    moves it like its scale. Of j: the same of X_j, backwards.
    """
    X_i, X_j = carried.X_i[:, None], carried.X_j[:, None]
    J_Xi = J_X @ carried.sR
    along_i = (J_Xi * X_i).sum(-1, keepdim=True)
    J_i = torch.cat((_cross(X_i, J_Xi), J_Xi, along_i, along_i * carried.B_i[:, None]), -1)
    along_j = (J_X * X_j).sum(-1, keepdim=True)
    still = torch.zeros_like(J_i[..., POSE:])
    J_j = -torch.cat((_cross(X_j, J_X), J_X, along_j, still), -1)
    J_focal = -(J_Xi[..., :2] * X_i[..., :2]).sum(-1)  # a longer lens narrows the rays
    return J_i, J_j, J_focal


def _cross(X: Tensor, rows: Tensor) -> Tensor:
    """rows (n, R, 3) times the derivative of omega x X by omega: (n, R, 3)."""
    return torch.linalg.cross(X.expand_as(rows), rows, dim=-1)


def _trust(views: Views, matches: Matches) -> Tensor:
    """(n, 1): geometric mean of the relative confidences in both views."""
    picked = matches.picked
    there = lookup(views.weight, picked.j, matches.pixels)
    return (views.sample_weight[picked.i, picked.m] * there).sqrt()[:, None]


def _geman_mcclure(compared: _Compared, scale: float) -> tuple[Tensor, Tensor]:
    """Weights (n, R) of iterated least squares, and half the robust cost ().

    The components of a place stand and fall together; the depth is judged by itself. What falls
    behind the camera costs as much as what disagrees wholly: no step gains by losing sight.
    """
    residual, known, trust = compared.residual, compared.known, compared.trust
    place = (residual[:, :-1] ** 2).sum(-1, keepdim=True)
    squared = torch.cat((place.expand(-1, residual.shape[1] - 1), residual[:, -1:] ** 2), -1)
    c = scale**2
    weight = torch.where(known, trust * (c / (c + squared)) ** 2, 0)
    each = trust * torch.where(known, c * squared / (c + squared), c)
    return weight, 0.5 * (each[:, 0].double().sum() + each[:, -1].double().sum())


def _pixel_place(views: Views, state: State, matches: Matches, carried: Carried) -> _Term:
    """Where the point appears less where it was found, in pixels."""
    cameras = views.cameras[matches.picked.j]
    X = carried.X_j
    focal = cameras[:, :2] * torch.exp(state.log_focal).float()
    z = X[:, 2:].clamp(min=1e-6)
    scaled = focal / z
    J = torch.zeros((len(X), 2, 3), dtype=X.dtype, device=X.device)
    J[:, 0, 0], J[:, 1, 1] = scaled.unbind(-1)
    J[:, :, 2] = -scaled * X[:, :2] / z
    return _Term(carried.pixels - matches.pixels, J, scaled * X[:, :2])


def _ray_place(views: Views, state: State, matches: Matches, carried: Carried) -> _Term:
    """The same between unit rays, times the focal length so that it is in pixels too.

    Source: Murai et al., MASt3R-SLAM, CVPR 2025 (ray error for cameras that are not known).
    """
    cameras = views.cameras[matches.picked.j]
    focal = cameras[:, :1]
    seen = rays(matches.pixels, cameras, state.log_focal)
    J_X, unit = _unit(carried.X_j)
    J_seen, unit_seen = _unit(seen)
    bent = torch.cat((-seen[:, :2], torch.zeros_like(seen[:, :1])), -1)
    bent = -focal * (J_seen @ bent[..., None])[..., 0]
    return _Term(focal * (unit - unit_seen), focal[..., None] * J_X, bent)


def _unit(X: Tensor) -> tuple[Tensor, Tensor]:
    """(derivative (n, 3, 3), X / |X|)."""
    length = X.norm(dim=-1, keepdim=True).clamp(min=1e-6)
    unit = X / length
    identity = torch.eye(3, dtype=X.dtype, device=X.device)
    tangent = identity - unit[:, :, None] * unit[:, None, :]
    return tangent / length[..., None], unit


def _depth(views: Views, state: State, matches: Matches, carried: Carried) -> tuple[_Term, Tensor]:
    """Log-depth difference (n, 1), and the basis of j's correction there (n, G)."""
    j = matches.picked.j
    pixels = torch.where(matches.found[:, None], matches.pixels, carried.pixels)
    X, z = carried.X_j, carried.X_j[:, 2].clamp(min=1e-6)
    B_j = views.basis(pixels)
    there = corrected_log_depth(views.filled_log_depth, state, j, pixels, B_j)
    focal = views.cameras[j, :2] * torch.exp(state.log_focal).float()
    slope = torch.where(matches.found[:, None], 0, _slope(views, j, pixels))
    along = slope * focal / z[:, None]
    sliding = (along * X[:, :2]).sum(-1)  # slope times the pixel's distance from the centre
    J = torch.cat((-along, ((1 + sliding) / z)[:, None]), -1)
    return _Term((z.log() - there)[:, None], J[:, None], -sliding[:, None]), B_j


def _slope(views: Views, j: Tensor, pixels: Tensor) -> Tensor:
    """Change of the log depth by u and by v (n, 2), over four pixels."""
    slopes = []
    for axis in (0, 1):
        offset = torch.zeros(2, dtype=pixels.dtype, device=pixels.device)
        offset[axis] = 2.0
        ahead = lookup(views.filled_log_depth, j, pixels + offset)
        behind = lookup(views.filled_log_depth, j, pixels - offset)
        slopes.append((ahead - behind) / 4.0)
    return torch.stack(slopes, -1)
