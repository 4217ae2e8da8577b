"""CUT3R's fit of a pose to two pointmaps."""

from __future__ import annotations

import torch

from mapper.frontends.cut3r.pose_encoding import pose_matrix, weighted_rigid_fit


def test_rigid_fit_recovers_a_pose_and_ignores_weightless_points() -> None:
    generator = torch.Generator().manual_seed(1)
    source = torch.randn(1, 50, 3, generator=generator)
    T = pose_matrix(torch.tensor([[0.3, -1.0, 2.0, 0.9, 0.1, -0.2, 0.3]]))
    target = source @ T[:, :3, :3].transpose(1, 2) + T[:, None, :3, 3]
    weights = torch.ones(1, 50)
    target[:, :5] += 10
    weights[:, :5] = 0
    torch.testing.assert_close(weighted_rigid_fit(source, target, weights), T, atol=1e-5, rtol=1e-5)
