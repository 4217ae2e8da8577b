"""Segments are joined by a loop; those that no loop joins stay out of the map."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from mapper.backend.backend import Backend
from mapper.backend.config import BackendConfig
from mapper.backend.fusion.map_fusion import FusionConfig
from mapper.backend.fusion.tsdf import TsdfConfig
from mapper.backend.graph.edge import EdgeKind
from mapper.backend.keyframes.keyframe import Keyframe
from mapper.backend.keyframes.keyframe_map import KeyframeMap
from mapper.core.geometry import inverse, pose
from mapper.vision.orb import OrbMatcher
from tests.support.room_views import Room, distance

CONFIG = BackendConfig(fusion=FusionConfig(tsdf=TsdfConfig(voxel_size=0.05)))
FIRST = range(0, 40, 2)  # the walk's beginning; at its end the camera comes back to it
BACK_AGAIN = range(222, 240, 2)
ELSEWHERE = range(110, 130, 2)


class MemoryStore:
    """Keeps every map that was saved."""

    def __init__(self) -> None:
        self._maps: dict[int, KeyframeMap] = {}

    def save(self, keyframe: Keyframe, keyframe_map: KeyframeMap) -> None:
        self._maps[keyframe.id] = keyframe_map

    def load(self, keyframe_id: int) -> KeyframeMap:
        return self._maps[keyframe_id]


def mapped(room: Room, *segments: range, store: MemoryStore | None = None) -> Backend:
    """Exact predictions, each segment in a world of its own."""
    backend = Backend(CONFIG, store)
    for segment, indices in enumerate(segments):
        for index in indices:
            T = room.relative(indices[0], index)
            backend.add(room.prediction(index, T, segment))
    backend.finish()
    return backend


def worst(backend: Backend, room: Room) -> tuple[float, float]:
    """(metres, degrees): the largest error of any placed frame, world = frame 0."""
    indices, trajectory = backend.trajectory()
    errors = [
        distance(T, room.relative(0, int(index)))
        for index, T in zip(indices, trajectory.T_world_camera, strict=True)
    ]
    return max(e[0] for e in errors), max(e[1] for e in errors)


@pytest.fixture(scope="module")
def joined(room: Room) -> Backend:
    return mapped(room, FIRST, BACK_AGAIN)


def test_one_segment_comes_out_as_it_went_in(room: Room) -> None:
    backend = mapped(room, FIRST)
    indices, trajectory = backend.trajectory()
    np.testing.assert_array_equal(indices, list(FIRST))
    assert (np.diff(trajectory.timestamps) > 0).all()
    metres, degrees = worst(backend, room)
    # The frontend was exact; dense alignment of noisy depth may move it by that much.
    assert metres < 0.01 and degrees < 0.3


def test_a_loop_joins_two_segments_however_far_off_the_guess_is(
    joined: Backend, room: Room
) -> None:
    start = joined.keyframes[next(k.id for k in joined.keyframes if k.segment == 1)]
    # The second segment was guessed to begin where the first ended, half a metre off at least.
    assert np.linalg.norm(room.relative(FIRST[-1], start.frame_index)[:3, 3]) > 0.3
    loops = [e for e in joined.graph.edges if e.kind == EdgeKind.LOOP]
    segments = {k.id: k.segment for k in joined.keyframes}
    assert any(segments[e.i] != segments[e.j] for e in loops)
    assert all(joined.graph.is_inlier(e) for e in loops)
    np.testing.assert_array_equal(joined.trajectory()[0], [*FIRST, *BACK_AGAIN])
    metres, degrees = worst(joined, room)
    assert metres < 0.02 and degrees < 0.5


def test_the_first_keyframe_is_the_world_of_the_joined_map(joined: Backend) -> None:
    # 1e-5: the gauge is held to 1e-6.
    np.testing.assert_allclose(joined.graph.poses[0], np.eye(4), atol=1e-5)


def test_a_frame_that_two_segments_share_joins_them(room: Room) -> None:
    shared = mapped(room, range(0, 31), range(30, 61))
    shared.finish()
    assert any(edge.kind == "overlap" for edge in shared.graph.edges)
    indices, _ = shared.trajectory()
    assert indices.tolist() == list(range(61))  # the shared frame once
    metres, degrees = worst(shared, room)
    assert metres < 0.01 and degrees < 0.3


def test_a_segment_that_is_never_joined_stays_out(room: Room) -> None:
    alone, both = mapped(room, FIRST), mapped(room, FIRST, ELSEWHERE)
    assert {k.segment for k in both.keyframes} == {0, 1}
    assert {k.segment for k in both.main_keyframes()} == {0}
    np.testing.assert_array_equal(both.trajectory()[0], list(FIRST))
    assert (alone.global_map().apart, both.global_map().apart) == (0, len(list(ELSEWHERE)))
    assert len(both.keyframe_trajectory()) == len(both.main_keyframes())
    np.testing.assert_allclose(
        both.extract_mesh().vertices.mean(0), alone.extract_mesh().vertices.mean(0), atol=1e-3
    )


def test_the_segment_with_more_frames_is_the_map(room: Room) -> None:
    backend = mapped(room, range(0, 8, 2), ELSEWHERE)
    assert {k.segment for k in backend.main_keyframes()} == {1}
    np.testing.assert_array_equal(backend.trajectory()[0], list(ELSEWHERE))


def test_the_map_lies_on_the_room(joined: Backend, room: Room) -> None:
    frame = room.frame(0, noisy=False)
    assert frame.depth is not None
    vertices = joined.extract_mesh().vertices
    k = room.intrinsics
    z = vertices[:, 2]
    u = np.rint(k.fx * vertices[:, 0] / np.maximum(z, 0.1) + k.cx).astype(int)
    v = np.rint(k.fy * vertices[:, 1] / np.maximum(z, 0.1) + k.cy).astype(int)
    seen = (z > 0.1) & (u >= 0) & (v >= 0) & (u < k.width) & (v < k.height)
    off = z[seen] - frame.depth[v[seen], u[seen]]
    visible = off[off < 0.1]  # the others hide behind what frame 0 sees
    assert len(visible) > 1000
    assert np.median(np.abs(visible)) < 0.01  # a fifth of a voxel


def test_a_backend_without_predictions_finishes_empty() -> None:
    backend = Backend(CONFIG)
    update = backend.finish()
    assert update.closed is None and update.poses == {}
    assert len(backend.trajectory()[1]) == len(backend.keyframe_trajectory()) == 0
    assert len(backend.extract_mesh().vertices) == 0


def test_a_restored_backend_has_the_same_poses_and_goes_on(room: Room) -> None:
    store = MemoryStore()
    whole = mapped(room, FIRST, BACK_AGAIN, store=store)
    restored = Backend(CONFIG, store)
    restored.restore(whole.keyframes, whole.graph.edges, fuse=False)
    restored.graph.optimise(final=True)
    for keyframe in whole.keyframes:
        metres, degrees = distance(
            restored.graph.poses[keyframe.id], whole.graph.poses[keyframe.id]
        )
        # The same graph from another start: 1e-4 is the optimiser's own relative tolerance.
        assert metres < 1e-3 and degrees < 0.02


def test_a_restored_keyframe_is_closed_for_good(room: Room) -> None:
    store = MemoryStore()
    whole = mapped(room, FIRST, store=store)
    restored = Backend(CONFIG, store)
    restored.restore(whole.keyframes, whole.graph.edges, fuse=False)
    before = [len(k.frames) for k in whole.keyframes]
    # So near to the last keyframe that it would be tracked in it if that were open.
    update = restored.add(room.prediction(whole.keyframes[-1].frame_index))
    assert update.closed is None and update.opened is not None
    assert update.opened.id == len(before)
    assert [len(k.frames) for k in whole.keyframes] == before
    assert restored.finish().closed is update.opened
    assert restored.finish().closed is None  # finishing twice closes nothing twice


def test_a_restored_map_is_joined_by_the_frame_that_it_ended_with(room: Room) -> None:
    store = MemoryStore()
    whole = mapped(room, FIRST, store=store)
    restored = Backend(CONFIG, store)
    restored.restore(whole.keyframes, whole.graph.edges, fuse=False)
    last = FIRST[-1]
    for index in range(last, last + 12, 2):  # the frontend starts anew with the last frame
        restored.add(room.prediction(index, room.relative(last, index), segment=1))
    restored.finish()
    assert [e.kind for e in restored.graph.edges].count(EdgeKind.OVERLAP) == 1
    assert set(restored.graph.component_of().values()) == {0}
    metres, degrees = worst(restored, room)
    assert metres < 0.01 and degrees < 0.3


def test_the_worlds_of_the_segments_do_not_matter(joined: Backend, room: Room) -> None:
    shifted = Backend(CONFIG)
    far = pose(np.eye(3), np.array([7.0, -3, 20]))
    for segment, indices in enumerate((FIRST, BACK_AGAIN)):
        for index in indices:
            T = far @ inverse(room.poses[indices[0]]) @ room.poses[index]
            shifted.add(room.prediction(index, T, segment))
    shifted.finish()
    expected, found = joined.trajectory()[1], shifted.trajectory()[1]
    np.testing.assert_allclose(found.positions, expected.positions, atol=1e-3)


def test_a_run_of_another_matcher_gets_the_features_of_this_one(room: Room) -> None:
    store = MemoryStore()
    whole = mapped(room, FIRST, store=store)
    kept = [keyframe.features for keyframe in whole.keyframes]
    for keyframe, features in zip(whole.keyframes, kept, strict=True):
        vectors = features.descriptors.astype(np.float16)
        keyframe.features = replace(features, descriptors=vectors)
    restored = Backend(CONFIG, store, matcher=OrbMatcher())
    restored.restore(whole.keyframes, whole.graph.edges, fuse=False)
    for keyframe, features in zip(restored.keyframes, kept, strict=True):
        np.testing.assert_array_equal(keyframe.features.descriptors, features.descriptors)
