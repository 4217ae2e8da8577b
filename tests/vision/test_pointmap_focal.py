"""The focal length that a pointmap implies."""

from __future__ import annotations

import pytest
import torch

from mapper.vision.pointmap_focal import median_focal, weiszfeld_focal

CENTRE = torch.tensor([[20.0, 15.0]])
FOCAL = 80.0


def perfect_pointmap() -> torch.Tensor:
    """(30, 40, 3), of a camera with that centre and focal length; depths of 1 to 2."""
    rows, columns = torch.meshgrid(torch.arange(30.0), torch.arange(40.0), indexing="ij")
    depth = torch.rand(30, 40, generator=torch.Generator().manual_seed(0)) + 1
    return torch.stack([(columns - 20) / FOCAL * depth, (rows - 15) / FOCAL * depth, depth], -1)


def test_focal_of_a_perfect_camera_survives_outliers() -> None:
    pointmap = perfect_pointmap()
    pointmap[::7, ::7] *= torch.tensor([3.0, -2.0, 1.0])
    pointmap[0, 0] = 0
    assert float(weiszfeld_focal(pointmap[None], CENTRE)) == pytest.approx(FOCAL, rel=1e-3)
    assert float(median_focal(pointmap[None], CENTRE)) == pytest.approx(FOCAL, rel=1e-3)


@pytest.mark.parametrize("point", [(0.0, 0.0, 0.0), (1.0, -1.0, 0.0)])
def test_points_that_are_none_do_not_count(point: tuple[float, float, float]) -> None:
    pointmap = perfect_pointmap()
    pointmap[:, :25] = torch.tensor(point)
    assert float(weiszfeld_focal(pointmap[None], CENTRE)) == pytest.approx(FOCAL, rel=1e-3)


def test_the_first_guess_is_that_of_least_squares(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mapper.vision.pointmap_focal.ITERATIONS", 0)
    guess = float(weiszfeld_focal(perfect_pointmap()[None], CENTRE))
    assert guess == pytest.approx(FOCAL, rel=1e-5)
