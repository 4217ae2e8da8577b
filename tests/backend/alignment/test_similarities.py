"""pypose's Sim(3) in this system's order, against GTSAM's."""

from __future__ import annotations

import numpy as np
import pypose
import pytest
import torch

from mapper.backend.alignment.similarities import adjoint, exp, log, similarities
from mapper.core.sim3 import adjoint_sim3, exp_sim3, log_sim3

CPU = torch.device("cpu")


def tangents(scale: float = 0.4, log_scale: float = 1.0) -> torch.Tensor:
    """(50, 7) at random; log_scale: a factor on the last."""
    xi = np.random.default_rng(1).normal(0, scale, (50, 7))
    xi[:, 6] *= log_scale
    return torch.from_numpy(xi)


# Through one and zero: what is small is where formulae of this kind lose their digits.
@pytest.mark.parametrize("scale", [1.0, 0.1, 1e-4, 1e-8, 1e-12, 0.0])
@pytest.mark.parametrize("log_scale", [1.0, 1e-3, 1e-6, 1e-9, 1e-12, 1e-15, 0.0])
def test_exp_and_log_are_gtsams(scale: float, log_scale: float) -> None:
    xi = tangents(scale, log_scale)
    expected = np.stack([exp_sim3(x) for x in xi.numpy()])
    # What is taken for a scale of 1 is out by 1e-8 of a translation, and no more.
    np.testing.assert_allclose(
        exp(xi).matrix().numpy(), expected, rtol=0, atol=3e-8 * scale + 1e-15
    )
    found = log(similarities(expected, CPU)).numpy()
    wanted = np.stack([log_sim3(S) for S in expected])
    np.testing.assert_allclose(found, wanted, rtol=0, atol=3e-8 * scale + 1e-15)


def test_the_order_is_rotation_translation_scale() -> None:
    for axis, place in ((0, (2, 1)), (3, (0, 3)), (6, (0, 0))):
        xi = torch.zeros((1, 7), dtype=torch.float64)
        xi[0, axis] = 0.1
        change = exp(xi).matrix()[0] - torch.eye(4, dtype=torch.float64)
        assert change[place] == pytest.approx(0.1, rel=0.06)
        swapped = pypose.sim3(torch.cat((xi[:, 3:6], xi[:, :3], xi[:, 6:]), -1))
        torch.testing.assert_close(exp(xi).matrix(), swapped.Exp().matrix(), rtol=0, atol=1e-15)


def test_the_adjoint_is_gtsams() -> None:
    S = exp(tangents())
    expected = np.stack([adjoint_sim3(matrix) for matrix in S.matrix().numpy()])
    np.testing.assert_allclose(adjoint(S).numpy(), expected, rtol=0, atol=1e-12)


def test_matrices_come_back_also_at_half_turns() -> None:
    turns = [np.diag([1.0, -1, -1, 1]), np.diag([-1.0, 1, -1, 1]), np.diag([-1.0, -1, 1, 1])]
    matrices = np.stack([*turns, *exp(tangents(1.5)).matrix().numpy()])
    again = similarities(matrices, CPU).matrix().numpy()
    np.testing.assert_allclose(again, matrices, rtol=1e-12, atol=1e-12)
    assert similarities(np.zeros((0, 4, 4)), CPU).matrix().shape == (0, 4, 4)
