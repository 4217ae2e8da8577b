"""Predictions whose unit is unknown and drifts become one map, up to one scale."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from mapper.backend.backend import Backend
from mapper.backend.config import BackendConfig
from mapper.backend.fusion.map_fusion import FusionConfig
from mapper.backend.fusion.tsdf import TsdfConfig
from mapper.backend.graph.edge import EdgeKind
from mapper.backend.graph.pose_graph import PoseGraphConfig
from mapper.backend.keyframes.segment_units import NOMINAL_DEPTH
from mapper.core.geometry import umeyama
from mapper.core.sim3 import scale_of
from tests.support.room_views import Room, in_units

FUSION = FusionConfig(tsdf=TsdfConfig(voxel_size=0.08))
CONFIG = BackendConfig(fusion=FUSION, align="off")
LAP = range(0, 240, 3)
UNITS = 0.037  # what the frontend calls a metre at the start
DRIFT = 0.15  # the unit grows by this much, as a logarithm, over the lap


def drifting(room: Room, backend: Backend, indices: range, segment: int, units: float) -> None:
    """Feed a stretch whose unit grows steadily: its steps and depths grow with it."""
    T = np.eye(4)
    for k, index in enumerate(indices):
        now = units * np.exp(DRIFT * k * indices.step / 240)
        if k:
            step = room.relative(indices[k - 1], index)
            step[:3, 3] *= now
            T = T @ step
        exact = in_units(room.prediction(index, segment=segment), now)
        backend.add(replace(exact, T_world_camera=T.copy()))


def errors(backend: Backend, room: Room) -> tuple[float, np.ndarray]:
    """(scale of the map in units a metre, distances (N,) in metres after the best similarity)."""
    indices, trajectory = backend.trajectory()
    truth = np.array([room.relative(0, int(i))[:3, 3] for i in indices])
    scale, T = umeyama(trajectory.positions, truth, True)
    found = scale * trajectory.positions @ T[:3, :3].T + T[:3, 3]
    return 1 / scale, np.linalg.norm(found - truth, axis=1)


def mapped(room: Room, config: BackendConfig = CONFIG) -> Backend:
    """The whole lap in three segments of different units, each drifting, sharing a frame."""
    backend = Backend(config)
    for segment, (start, stop) in enumerate(((0, 82), (81, 163), (162, 238))):
        drifting(room, backend, range(start, stop, 3), segment, UNITS * (1.0, 3.7, 0.4)[segment])
    backend.finish()
    return backend


@pytest.fixture(scope="module")
def lap(room: Room) -> Backend:
    return mapped(room)


def test_the_drifted_lap_closes(lap: Backend, room: Room) -> None:
    kinds = [edge.kind for edge in lap.graph.edges]
    assert lap.graph.free_scale
    assert kinds.count(EdgeKind.OVERLAP) == 2
    assert EdgeKind.LOOP in kinds
    assert len(lap.main_keyframes()) == len(lap.keyframes)
    _, off = errors(lap, room)
    # 15 % of drift bends the lap by decimetres. Noisy depth leaves millimetres a step.
    assert off.max() < 0.02 and np.sqrt((off**2).mean()) < 0.01


def test_each_keyframe_gets_the_scale_that_undoes_its_drift(lap: Backend, room: Room) -> None:
    scale, _ = errors(lap, room)
    depths = {k: lap.maps.map(k).depth for k in lap.graph.poses}
    ratios = []
    for keyframe in lap.keyframes:
        truth = room.prediction(keyframe.frame_index).depth
        depth = depths[keyframe.id] * scale_of(lap.graph.poses[keyframe.id])
        both = (truth > 0) & (depth > 0)
        ratios.append(np.median(depth[both] / truth[both]))
    np.testing.assert_allclose(ratios, scale, rtol=0.01)


def test_the_map_has_about_the_size_of_a_room(lap: Backend, room: Room) -> None:
    first = room.prediction(0).depth
    scale, _ = errors(lap, room)
    assert scale == pytest.approx(NOMINAL_DEPTH / np.median(first[first > 0]), rel=0.02)
    extent = np.ptp(lap.extract_mesh().vertices, axis=0)
    assert (extent < 12 * scale).all() and extent.max() > 2 * scale


def test_with_scales_held_the_lap_stays_bent(lap: Backend, room: Room) -> None:
    held = mapped(room, replace(CONFIG, graph=PoseGraphConfig(scale="fixed")))
    assert not held.graph.free_scale
    _, off_held = errors(held, room)
    _, off = errors(lap, room)
    assert np.sqrt((off_held**2).mean()) > 10 * np.sqrt((off**2).mean())


def test_stretches_with_nothing_in_common_stay_apart(room: Room) -> None:
    backend = Backend(CONFIG)
    drifting(room, backend, range(0, 40, 2), 0, 1.0)
    drifting(room, backend, range(110, 130, 2), 1, 5.0)
    backend.finish()
    assert set(backend.graph.component_of().values()) == {
        0,
        next(k.id for k in backend.keyframes if k.segment == 1),
    }
    assert {k.segment for k in backend.main_keyframes()} == {0}
    np.testing.assert_array_equal(backend.trajectory()[0], range(0, 40, 2))
    assert errors(backend, room)[1].max() < 0.02


def test_a_loop_joins_stretches_of_unrelated_scale(room: Room) -> None:
    backend = Backend(CONFIG)
    drifting(room, backend, range(0, 40, 2), 0, 1.0)
    drifting(room, backend, range(222, 240, 2), 1, 7.0)
    backend.finish()
    assert set(backend.graph.component_of().values()) == {0}
    assert errors(backend, room)[1].max() < 0.03
