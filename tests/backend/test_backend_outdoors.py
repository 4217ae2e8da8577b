"""A square twelve times the size of a room, seen by a network that knows the unit."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy.spatial import cKDTree

from mapper.backend.backend import Backend
from mapper.backend.config import BackendConfig
from mapper.backend.fusion.map_fusion import FusionConfig
from mapper.backend.fusion.tsdf import TsdfConfig
from mapper.backend.keyframes.keyframe_selector import KeyframeConfig
from mapper.backend.loops.covisibility import covisible_pairs
from mapper.core.prediction import Prediction
from tests.support.room_views import Room, in_units

SIZE = 12.0  # times the room
FRAMES = range(0, 90, 6)
CONFIG = BackendConfig(
    KeyframeConfig(max_predicted=2),
    fusion=FusionConfig(tsdf=TsdfConfig(voxel_size=0.25)),
    align="off",
)


def square(room: Room, index: int) -> Prediction:
    """What a perfect network says of it."""
    return replace(in_units(room.prediction(index), SIZE), is_metric=True)


def mapped(room: Room, config: BackendConfig) -> Backend:
    backend = Backend(config)
    for index in FRAMES:
        backend.add(square(room, index))
    backend.finish()
    return backend


@pytest.fixture(scope="module")
def drive(room: Room) -> Backend:
    return mapped(room, CONFIG)


def test_its_depths_are_those_of_a_square(room: Room) -> None:
    depth = square(room, 0).depth
    assert 5 < depth[depth > 0].min() < 15
    assert 40 < depth.max() < 70


def test_the_map_keeps_the_surface(drive: Backend, room: Room) -> None:
    """Nearly all that the first view sees lies on the mesh; a room's 5 metres hold none of it."""
    seen = square(room, 0)
    points = seen.pointmap[::4, ::4][seen.depth[::4, ::4] > 0]
    vertices = drive.extract_mesh().vertices
    near = cKDTree(vertices).query(points)[0] < 1.0  # four voxels; of 34 metres in the middle
    assert np.mean(near) > 0.9
    assert np.mean(points[:, 2] > 5) > 0.95


def test_keyframes_further_apart_than_a_room_are_covisible(drive: Backend) -> None:
    poses = {k.id: drive.graph.poses[k.id] for k in drive.keyframes}
    pairs = covisible_pairs(poses, drive.maps, 8, 0.2)
    apart = [np.linalg.norm(poses[i][:3, 3] - poses[j][:3, 3]) for i, j in pairs if j > i + 1]
    assert len(apart) >= 3 and max(apart) > 6


def test_a_limit_that_is_set_is_kept(room: Room) -> None:
    backend = mapped(room, replace(CONFIG, fusion=FusionConfig(tsdf=TsdfConfig(0.25, 20.0))))
    positions = np.stack([S[:3, 3] for S in backend.graph.poses.values()])
    vertices = backend.extract_mesh().vertices
    nearest = np.linalg.norm(vertices[:, None] - positions, axis=2).min(axis=1)
    assert 20 < nearest.max() < 30  # 20 along z is more along a slanted ray
    assert backend.maps.seen_depth(0) == 20.0
