"""The pose graph's edges in the alignment: cost, gradient and curvature of one residual."""

from __future__ import annotations

import numpy as np
import pypose
import torch

from mapper.backend.alignment.edge_terms import EdgeTerms
from mapper.backend.alignment.similarities import similarities
from mapper.backend.graph.edge import Edge, EdgeKind
from mapper.core.sim3 import exp_sim3, inverse_similarity, log_sim3
from tests.support.plane_views import CPU, moved, nudged

INFORMATION = np.diag([1.0, 2, 3, 4, 5, 6, 7])
OFF = np.array([0.1, -0.15, 0.1, 0.2, -0.3, 0.2, 0.1])
POSES = np.stack([moved(), moved(0.12, 0.03, yaw=-0.3) @ exp_sim3(OFF)])


def terms(S_i_j: np.ndarray) -> EdgeTerms:
    return EdgeTerms([Edge(0, 1, S_i_j, INFORMATION, EdgeKind.LOOP)], 2.0, CPU)


def residual(xi: torch.Tensor, S_i_j: np.ndarray) -> torch.Tensor:
    """(7,) of poses moved by xi (2, 7), written with pypose alone."""
    S = nudged(similarities(POSES, CPU), xi)
    tangent = (similarities(S_i_j[None], CPU)[0].Inv() @ S[0].Inv() @ S[1]).Log().tensor()
    return torch.cat((tangent[3:6], tangent[:3], tangent[6:]))


def test_the_cost_is_half_the_weighted_square_of_what_contradicts() -> None:
    S_i_j = inverse_similarity(POSES[0]) @ POSES[1] @ exp_sim3(-0.1 * OFF)
    contradiction = log_sim3(inverse_similarity(S_i_j) @ inverse_similarity(POSES[0]) @ POSES[1])
    expected = 0.5 * contradiction @ (2.0 * INFORMATION) @ contradiction
    np.testing.assert_allclose(float(terms(S_i_j).cost(similarities(POSES, CPU))), expected)


def test_at_zero_residual_the_derivatives_are_autograds() -> None:
    S_i_j = inverse_similarity(POSES[0]) @ POSES[1]
    H, b = terms(S_i_j).blocks(similarities(POSES, CPU))
    start = torch.zeros((2, 7), dtype=torch.float64)
    J = torch.autograd.functional.jacobian(lambda xi: residual(xi, S_i_j), start).reshape(7, 14)
    expected = J.mT @ torch.from_numpy(2.0 * INFORMATION) @ J
    torch.testing.assert_close(H[0], expected, rtol=1e-9, atol=1e-9)
    assert b.abs().max() < 1e-9


def test_away_from_it_the_gradient_points_the_same_way() -> None:
    """The inverse right Jacobian is taken for 1: of residuals of 0.03, 1.5 % are left out."""
    S_i_j = inverse_similarity(POSES[0]) @ POSES[1] @ exp_sim3(-0.1 * OFF)
    _, b = terms(S_i_j).blocks(similarities(POSES, CPU))
    xi = torch.zeros((2, 7), dtype=torch.float64, requires_grad=True)
    r = residual(xi, S_i_j)
    (0.5 * r @ torch.from_numpy(2.0 * INFORMATION) @ r).backward()
    assert xi.grad is not None
    gradient = xi.grad.flatten()
    assert (b[0] - gradient).norm() < 0.05 * gradient.norm()


def test_without_edges_there_is_neither_cost_nor_block() -> None:
    none, S = EdgeTerms([], 1.0, CPU), pypose.identity_Sim3(2, dtype=torch.float64)
    H, b = none.blocks(S)
    assert float(none.cost(S)) == 0 and H.shape == (0, 14, 14) and b.shape == (0, 14)
