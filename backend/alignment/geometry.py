"""Carries samples of one view into another."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from pypose import LieTensor
from torch import Tensor

from mapper.backend.alignment.similarities import POSE, exp
from mapper.backend.alignment.views import Views


@dataclass(frozen=True, slots=True)
class State:
    """What is optimised. S_world_view: Sim3 (N,), of the keyframes.

    grids: (N, G), log-depth corrections. log_focal: (), on all focal lengths. All float64.
    """

    S_world_view: LieTensor
    grids: Tensor
    log_focal: Tensor

    def moved(self, step: Tensor, focal_step: Tensor) -> State:
        """step: (N, 7 + G); poses are perturbed on the right. focal_step: ()."""
        return State(
            self.S_world_view @ exp(step[:, :POSE]),
            self.grids + step[:, POSE:],
            self.log_focal + focal_step,
        )


@dataclass(frozen=True, slots=True)
class Pairs:
    """Ordered pairs of views: the samples of i are looked for in j. (P,) each."""

    i: Tensor
    j: Tensor

    def __len__(self) -> int:
        return len(self.i)

    def part(self, start: int, end: int) -> Pairs:
        """Rows start <= row < end."""
        return Pairs(self.i[start:end], self.j[start:end])

    def listed(self) -> list[tuple[int, int]]:
        """(i, j) of each, on the host."""
        return list(zip(self.i.tolist(), self.j.tolist(), strict=True))


@dataclass(frozen=True, slots=True)
class Picked:
    """n samples of pairs of views. pair: (n,), row of `pairs`, ascending. m: (n,), of view i."""

    pairs: Pairs
    pair: Tensor
    m: Tensor

    @property
    def i(self) -> Tensor:
        """(n,): the view that each sample is of."""
        return self.pairs.i[self.pair]

    @property
    def j(self) -> Tensor:
        """(n,): the view that it is carried into."""
        return self.pairs.j[self.pair]


@dataclass(frozen=True, slots=True)
class Carried:
    """n samples of views i in the cameras of views j.

    X_i, X_j: (n, 3), each in its camera's units. pixels: (n, 2), where X_j appears in j.
    B_i: (n, G). sR: (n, 3, 3), of S_j_i.
    """

    X_i: Tensor
    X_j: Tensor
    pixels: Tensor
    B_i: Tensor
    sR: Tensor


def rays(pixels: Tensor, cameras: Tensor, log_focal: Tensor) -> Tensor:
    """(n, 3) with z = 1 through pixels (n, 2) of cameras (n, 4)."""
    focal = cameras[:, :2] * torch.exp(log_focal).float()
    xy = (pixels - cameras[:, 2:]) / focal
    return torch.cat((xy, torch.ones_like(xy[:, :1])), -1)


def carry(views: Views, state: State, picked: Picked) -> Carried:
    """Samples lifted with their corrected depths, and seen from the other views.

    Relative poses are taken in float64; between two views float32 resolves a micrometre.
    """
    i, j, pairs = picked.i, picked.j, picked.pairs
    pixels = views.samples[i, picked.m]
    B_i = views.basis(pixels)
    log_depth = views.sample_log_depth[i, picked.m] + (B_i * state.grids.float()[i]).sum(-1)
    X_i = rays(pixels, views.cameras[i], state.log_focal) * log_depth.exp()[:, None]
    S_j_i = (
        (state.S_world_view[pairs.j].Inv() @ state.S_world_view[pairs.i])
        .matrix()
        .float()[picked.pair]
    )
    sR = S_j_i[:, :3, :3]
    X_j = (sR @ X_i[..., None])[..., 0] + S_j_i[:, :3, 3]
    return Carried(X_i, X_j, project(X_j, views.cameras[j], state.log_focal), B_i, sR)


def project(X: Tensor, cameras: Tensor, log_focal: Tensor) -> Tensor:
    """Pixels (n, 2) of points (n, 3) in their cameras (n, 4); nonsense behind them."""
    focal = cameras[:, :2] * torch.exp(log_focal).float()
    return focal * X[:, :2] / X[:, 2:].clamp(min=1e-6) + cameras[:, 2:]


def inside(views: Views, pixels: Tensor, X: Tensor) -> Tensor:
    """Which points (n, 3) lie in front of the camera and well inside its image."""
    height, width = views.size
    u, v = pixels[:, 0], pixels[:, 1]
    return (X[:, 2] > 1e-3) & (u > 1) & (v > 1) & (u < width - 2) & (v < height - 2)


def corrected_log_depth(
    maps: Tensor, state: State, view: Tensor, pixels: Tensor, B: Tensor
) -> Tensor:
    """(n,) of maps (N, 1, h, w) at pixels (n, 2) of views (n,), where the basis is B (n, G)."""
    return lookup(maps, view, pixels) + (B * state.grids.float()[view]).sum(-1)


def lookup(maps: Tensor, view: Tensor, pixels: Tensor) -> Tensor:
    """Bilinear values (n,) of maps (N, 1, h, w), each of its view (n,), at pixels (n, 2).

    NaN where one of the four neighbours is.
    """
    height, width = maps.shape[-2:]
    flat = maps.flatten()
    u = pixels[:, 0].clamp(0, width - 1.001)
    v = pixels[:, 1].clamp(0, height - 1.001)
    u0, v0 = u.floor(), v.floor()
    au, av = u - u0, v - v0
    index = (v0 * width + u0).long() + view * (height * width)
    top = flat[index] * (1 - au) + flat[index + 1] * au
    bottom = flat[index + width] * (1 - au) + flat[index + width + 1] * au
    return top * (1 - av) + bottom * av
