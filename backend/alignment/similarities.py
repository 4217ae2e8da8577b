"""Sim(3) as a batch in torch: pypose's type, with the tangent of `mapper.core.sim3`.

pypose orders its tangent [rho, omega, log scale], this system [omega, rho, log scale].
"""

from __future__ import annotations

import numpy as np
import pypose
import torch
from pypose import LieTensor
from torch import Tensor

POSE = 7  # rotation, translation, log scale; perturbed on the right
# pypose 0.9.5 divides exp(x) - 1 by x, which loses a share of 1e-16 / x of the translation: 1.6 %
# at 1e-14. Below this a scale is taken for 1 there, which is wrong by half of x, and no more.
UNIT_LOG_SCALE = 1.5e-8
SCALE = 7  # its place in pypose's (tx, ty, tz, qx, qy, qz, qw, s)


def similarities(matrices: np.ndarray, device: torch.device) -> LieTensor:
    """Sim3 (N,), float64, of matrices (N, 4, 4)."""
    S = torch.from_numpy(np.ascontiguousarray(matrices, np.float64))
    if not len(S):
        return pypose.identity_Sim3(0, dtype=S.dtype, device=device)
    # Its check would compare all of them, to no more than five digits.
    return pypose.mat2Sim3(S, check=False).to(device)


def exp(xi: Tensor) -> LieTensor:
    """Sim3 (...) of tangents (..., 7)."""
    log_scale = xi[..., POSE - 1 :]
    spared = torch.where(log_scale.abs() < UNIT_LOG_SCALE, 0, log_scale)
    tangent = _swapped(torch.cat((xi[..., : POSE - 1], spared), -1))
    S = pypose.sim3(tangent).Exp().tensor()
    return pypose.Sim3(torch.cat((S[..., :SCALE], log_scale.exp()), -1))


def log(S: LieTensor) -> Tensor:
    """Tangents (..., 7) of Sim3 (...)."""
    parts = S.tensor()
    log_scale = parts[..., SCALE:].log()
    spared = torch.where(log_scale.abs() < UNIT_LOG_SCALE, 1, parts[..., SCALE:])
    xi = pypose.Sim3(torch.cat((parts[..., :SCALE], spared), -1)).Log().tensor()
    return torch.cat((_swapped(xi)[..., : POSE - 1], log_scale), -1)


def adjoint(S: LieTensor) -> Tensor:
    """Ad(S) (..., 7, 7) with S exp(x) S^-1 = exp(Ad(S) x)."""
    axes = _swapped(torch.eye(POSE, dtype=S.dtype, device=S.device))
    return _swapped(S.unsqueeze(-2).Adj(pypose.sim3(axes)).tensor()).mT


def _swapped(tangent: Tensor) -> Tensor:
    """From either order to the other."""
    return torch.cat((tangent[..., 3:6], tangent[..., :3], tangent[..., 6:]), -1)
