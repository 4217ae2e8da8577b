"""Quaternions and rotation matrices in PyTorch, against SciPy."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.spatial.transform import Rotation

from mapper.frontends.cut3r.pose_encoding import pose_matrix as pose_of_cut3r
from mapper.frontends.vggt.pose_encoding import extrinsics
from mapper.frontends.wint3r.poses import pose_matrix as pose_of_wint3r
from mapper.vision.rotations import (
    quaternion_of_rotation,
    rigid_transform,
    rotation_of_quaternion,
)


@pytest.mark.parametrize("length", [1.0, 0.2, -3.0])
def test_quaternions_of_any_length_are_the_same_rotation(length: float) -> None:
    expected = Rotation.random(20, random_state=1)
    quaternions = torch.from_numpy(length * expected.as_quat())
    found = rotation_of_quaternion(quaternions).numpy()
    np.testing.assert_allclose(found, expected.as_matrix(), atol=1e-14)


@pytest.mark.parametrize("largest", range(4))
def test_quaternions_survive_every_branch(largest: int) -> None:
    quaternion = torch.full((4,), 0.1, dtype=torch.float64)
    quaternion[largest] = 1.0
    quaternion /= quaternion.norm()
    sign = 1 if quaternion[3] >= 0 else -1
    found = quaternion_of_rotation(rotation_of_quaternion(3 * quaternion))
    torch.testing.assert_close(found, sign * quaternion)


def test_a_rigid_transform_is_its_parts() -> None:
    rotation = rotation_of_quaternion(torch.tensor([[0.1, 0.2, 0.3, 0.9]]))
    T = rigid_transform(rotation, torch.tensor([[1.0, 2.0, 3.0]]))
    assert torch.equal(T[:, :3, :3], rotation) and T[0, :3, 3].tolist() == [1, 2, 3]
    assert T[0, 3].tolist() == [0, 0, 0, 1]


def test_every_family_reads_its_own_order_of_numbers() -> None:
    turn = Rotation.from_rotvec([0.3, -0.5, 0.8])
    x, y, z, w = turn.as_quat()
    wxyz = torch.tensor([1.0, 2.0, 3.0, w, x, y, z], dtype=torch.float64)
    xyzw = torch.tensor([1.0, 2.0, 3.0, x, y, z, w], dtype=torch.float64)
    fields = torch.ones(2, dtype=torch.float64)
    for T in (pose_of_cut3r(wxyz), pose_of_wint3r(xyzw), extrinsics(torch.cat([xyzw, fields]))):
        np.testing.assert_allclose(T[:3, :3], turn.as_matrix(), atol=1e-12)
        np.testing.assert_allclose(T[:3, 3], [1, 2, 3])
