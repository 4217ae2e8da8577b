"""The focal length that a pointmap implies."""

from __future__ import annotations

import pytest
import torch

from mapper.vision.pointmap_focal import median_focal, weiszfeld_focal


def test_focal_of_a_perfect_camera_survives_outliers() -> None:
    focal, height, width = 80.0, 30, 40
    rows, columns = torch.meshgrid(torch.arange(30.0), torch.arange(40.0), indexing="ij")
    depth = torch.rand(height, width, generator=torch.Generator().manual_seed(0)) + 1
    pointmap = torch.stack([(columns - 20) / focal * depth, (rows - 15) / focal * depth, depth], -1)
    pointmap[::7, ::7] *= torch.tensor([3.0, -2.0, 1.0])
    pointmap[0, 0] = 0
    centre = torch.tensor([[20.0, 15.0]])
    assert float(weiszfeld_focal(pointmap[None], centre)) == pytest.approx(focal, rel=1e-3)
    assert float(median_focal(pointmap[None], centre)) == pytest.approx(focal, rel=1e-3)
