"""Depth corrections: hats that share out every place, and a prior that holds them smooth."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from mapper.backend.alignment.correction import basis, correction_factors, prior_information


def test_the_hats_sum_to_one_everywhere() -> None:
    generator = torch.Generator().manual_seed(0)
    # Beyond the image the nearest place counts.
    u, v = torch.rand((2, 500), generator=generator, dtype=torch.float64) * 1.4 - 0.2
    weights = basis(u, v, 4, 3)
    assert weights.shape == (500, 12) and (weights >= 0).all()
    torch.testing.assert_close(weights.sum(-1), torch.ones(500, dtype=torch.float64))


def test_at_a_node_only_that_node_counts() -> None:
    v, u = torch.meshgrid(torch.linspace(0, 1, 3), torch.linspace(0, 1, 4), indexing="ij")
    torch.testing.assert_close(basis(u.flatten(), v.flatten(), 4, 3), torch.eye(12))


def test_between_the_nodes_a_plane_is_kept() -> None:
    v, u = torch.meshgrid(
        torch.linspace(0, 1, 3, dtype=torch.float64),
        torch.linspace(0, 1, 4, dtype=torch.float64),
        indexing="ij",
    )
    nodes = (0.3 + 0.5 * u - 0.2 * v).flatten()
    places = torch.tensor([[0.11, 0.93], [0.5, 0.5], [0.77, 0.02]], dtype=torch.float64)
    found = basis(places[:, 0], places[:, 1], 4, 3) @ nodes
    torch.testing.assert_close(found, 0.3 + 0.5 * places[:, 0] - 0.2 * places[:, 1])


def test_the_factors_are_the_same_function_over_the_whole_image() -> None:
    grid = np.random.default_rng(1).normal(0, 0.05, (3, 4))
    factors = correction_factors(grid, 31, 41)
    assert factors.dtype == np.float32 and factors.shape == (31, 41)
    # Corners lie on nodes; row 15 is the middle one; column 13 of 40 is 0.975 nodes in.
    np.testing.assert_allclose(factors[[0, 0, -1, -1], [0, -1, 0, -1]],
                               np.exp(grid[[0, 0, -1, -1], [0, -1, 0, -1]]), rtol=1e-6)  # fmt: skip
    expected = np.exp(0.025 * grid[1, 0] + 0.975 * grid[1, 1])
    assert factors[15, 13] == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize(("columns", "rows"), [(2, 2), (4, 3), (7, 5)])
def test_the_prior_is_symmetric_and_positive_definite(columns: int, rows: int) -> None:
    sigma = 0.02
    information = prior_information(columns, rows, sigma)
    np.testing.assert_array_equal(information, information.T)
    # A constant offset costs only its size: it is the softest there is.
    constant = np.ones(columns * rows)
    np.testing.assert_allclose(information @ constant, constant / sigma**2)
    assert np.linalg.eigvalsh(information)[0] == pytest.approx(1 / sigma**2)


def test_bending_costs_more_than_shifting() -> None:
    information = prior_information(4, 3, 0.02)
    bend = np.resize([1.0, -1.0], 12)  # every row +-+-: nine steps of 2 along the rows
    assert bend @ information @ bend == pytest.approx(12 / 0.02**2 + 9 * 4 / 0.01**2)
