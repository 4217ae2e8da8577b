"""The ways of a camera that films a map."""

from __future__ import annotations

import numpy as np
import pytest

from mapper.core.geometry import inverse, rotation_angle, transform
from mapper.core.trajectory import Trajectory
from mapper.errors import InputError
from mapper.report.camera_path import orbit_poses, recorded_poses
from mapper.report.mesh_picture import FIELD_OF_VIEW
from mapper.rooms.sample.camera import sample_poses
from mapper.rooms.sample.sequence import room_mesh

UP = np.array([0.0, 0.0, 1.0])  # of the room


def test_an_orbit_sees_all_of_the_map_upright_from_every_side() -> None:
    mesh = room_mesh()
    poses = orbit_poses(mesh, UP, 12, 1.5)
    limits = np.tan(FIELD_OF_VIEW / 2) * np.array([1.5, 1.0])
    largest = 0.0
    for T in poses:
        points = transform(inverse(T), mesh.vertices.astype(float))
        seen = np.abs(points[:, :2] / points[:, 2:]) / limits
        assert points[:, 2].min() > 0 and seen.max() < 1.02  # strays are not counted
        largest = max(largest, float(seen.max()))
        assert T[:3, 0] @ UP == pytest.approx(0, abs=1e-9) and T[:3, 1] @ UP < 0
    assert largest > 0.85  # and no smaller than need be
    assert len({tuple(np.round(T[:3, 3], 3)) for T in poses}) == 12
    assert np.ptp(poses[:, 2, 3]) < 1e-9  # at one height


def test_the_recorded_way_is_followed_without_its_shaking() -> None:
    true = sample_poses(200)[:100]
    rng = np.random.default_rng(0)
    shaken = true.copy()
    shaken[:, :3, 3] += 0.02 * rng.standard_normal((100, 3))
    way = Trajectory(np.arange(100) / 30, shaken)
    poses = recorded_poses(way, 100, 100 / 30)
    inner = slice(15, -15)  # at the ends there is less to average
    positions, before = poses[inner, :3, 3], shaken[inner, :3, 3]
    assert np.linalg.norm(positions - true[inner, :3, 3], axis=1).max() < 0.07
    assert np.diff(positions, 2, axis=0).std() < 0.05 * np.diff(before, 2, axis=0).std()
    for T, wanted in zip(poses[inner], true[inner], strict=True):
        assert rotation_angle(T[:3, :3].T @ wanted[:3, :3]) < np.radians(4)


def test_one_pose_is_no_way() -> None:
    with pytest.raises(InputError, match="orbit"):
        recorded_poses(Trajectory(np.zeros(1), np.eye(4)[None]), 10, 1.0)
