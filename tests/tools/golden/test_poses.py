"""The published conventions of poses and cameras, from their definitions."""

from __future__ import annotations

import numpy as np
import torch
from golden.cut3r_poses import chained, pose_encoding, weighted_rigid_fit
from golden.vggt_cameras import encoded, intrinsics, unprojected

from mapper.frontends.cut3r.pose_encoding import pose_matrix
from mapper.frontends.vggt.pose_encoding import extrinsics


def test_pose_encoding_round_trip() -> None:
    encoding = torch.tensor([[1.0, 2.0, 3.0, 0.5, -0.5, 0.5, 0.5]])
    T = pose_matrix(2 * encoding - torch.tensor([1.0, 2.0, 3.0, 0, 0, 0, 0]))  # any length will do
    np.testing.assert_allclose(pose_encoding(T.numpy()), encoding.numpy(), atol=1e-6)


def test_chained_chunks_share_their_overlap_frame() -> None:
    step = torch.eye(4)
    step[0, 3] = 1.0
    poses = [torch.eye(4), step, step, step @ step]
    # The second frame ends its chunk, and is the origin of the next one.
    world = chained(poses, [False, True, False, False])
    assert [float(T[0, 3]) for T in world] == [0, 1, 2, 3]


def test_pose_encodings_go_back_and_forth() -> None:
    encoding = torch.tensor([1.0, -2.0, 0.5, 0.2, -0.4, 0.1, 0.8, 0.9, 1.2])
    encoding[3:7] /= encoding[3:7].norm()
    pose, camera = extrinsics(encoding), intrinsics(encoding, 392, 518)
    assert camera[0, 2] == 259 and camera[1, 2] == 196
    torch.testing.assert_close(encoded(pose, camera, 392, 518), encoding)


def test_unprojected_points_project_back() -> None:
    encoding = torch.tensor([0.3, 0.1, -0.2, 0.1, 0.2, -0.1, 0.9, 0.8, 1.0])
    pose, camera = extrinsics(encoding), intrinsics(encoding, 14, 28)
    depth = torch.rand(14, 28) + 1
    points = unprojected(depth, pose, camera)
    seen = points @ pose[:, :3].T.double() + pose[:, 3]
    pixels = seen @ camera.T.double()
    torch.testing.assert_close(seen[..., 2].float(), depth)
    columns = torch.arange(28, dtype=torch.float64).expand(14, -1)
    torch.testing.assert_close(pixels[..., 0] / pixels[..., 2], columns, atol=1e-4, rtol=1e-4)


def test_rigid_fit_recovers_a_pose_and_ignores_weightless_points() -> None:
    generator = torch.Generator().manual_seed(1)
    source = torch.randn(1, 50, 3, generator=generator)
    T = pose_matrix(torch.tensor([[0.3, -1.0, 2.0, 0.9, 0.1, -0.2, 0.3]]))
    target = source @ T[:, :3, :3].transpose(1, 2) + T[:, None, :3, 3]
    weights = torch.ones(1, 50)
    target[:, :5] += 10
    weights[:, :5] = 0
    torch.testing.assert_close(weighted_rigid_fit(source, target, weights), T, atol=1e-5, rtol=1e-5)
