"""A camera that comes back to known places adds frames to the map, and no keyframes."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from mapper.backend.backend import Backend
from mapper.backend.config import BackendConfig
from mapper.backend.fusion.map_fusion import FusionConfig
from mapper.backend.fusion.tsdf import TsdfConfig
from mapper.backend.graph.pose_graph import PoseGraph
from mapper.backend.keyframe_culling import CullingConfig, KeyframeCuller
from mapper.backend.keyframes.keyframe import Keyframe
from mapper.backend.keyframes.map_cache import MapCache
from mapper.backend.keyframes.trajectory_assembly import assemble_trajectory
from mapper.config.settings import RecordingConfig
from mapper.core.intrinsics import Intrinsics
from mapper.core.prediction import Prediction
from mapper.errors import ConfigError
from mapper.run.directory import RunDirectory
from mapper.run.journal import read_journal
from mapper.run.recorder import RunRecorder
from mapper.saved.map import load_graph, load_map
from mapper.slam.checkpoint import Checkpoint
from tests.support.made_up_records import described
from tests.support.room_views import NO_FEATURES, Room, distance

AFTER = 4
SMALL = Intrinsics(1, 1, 0, 0, 1, 1)
FUSION = FusionConfig(tsdf=TsdfConfig(voxel_size=0.08))
THERE_AND_BACK = [*range(0, 60, 4), *range(56, 0, -4)]
NEW_PLACE = range(64, 120, 4)


def config(after: int = AFTER) -> BackendConfig:
    return BackendConfig(fusion=FUSION, align="off", reuse=CullingConfig(after=after))


def walk(room: Room, views: Iterable[int]) -> list[Prediction]:
    """Exact predictions of the room's views, as frames 0, 1, 2, ..."""
    return [
        replace(room.prediction(view), frame_index=number, timestamp=number / 10)
        for number, view in enumerate(views)
    ]


class Run:
    """A backend and what it said of each frame."""

    def __init__(self, predictions: list[Prediction], settings: BackendConfig) -> None:
        self.backend = Backend(settings)
        self.updates = [self.backend.add(prediction) for prediction in predictions]
        self.culled = [u.culled for u in self.updates if u.culled is not None]
        self.backend.finish()

    @property
    def ids(self) -> set[int]:
        return {keyframe.id for keyframe in self.backend.keyframes}


@pytest.fixture(scope="module")
def thrice(room: Room) -> Run:
    return Run(walk(room, 3 * THERE_AND_BACK), config())


@pytest.fixture(scope="module")
def twice(room: Room) -> Run:
    return Run(walk(room, 2 * THERE_AND_BACK), config())


def test_the_map_stops_growing_and_every_frame_is_in_it(thrice: Run, twice: Run) -> None:
    assert len(thrice.culled) > len(twice.culled) + 4 > 8
    assert len(thrice.backend.keyframes) <= len(twice.backend.keyframes) + 1
    assert len(thrice.backend.graph.edges) <= len(twice.backend.graph.edges) + 8
    indices, trajectory = thrice.backend.trajectory()
    np.testing.assert_array_equal(indices, range(3 * len(THERE_AND_BACK)))
    assert (np.diff(trajectory.timestamps) > 0).all()


def test_frames_of_a_visit_are_where_the_camera_was(thrice: Run, room: Room) -> None:
    _, trajectory = thrice.backend.trajectory()
    views = 3 * THERE_AND_BACK
    errors = [
        distance(T, room.relative(0, view))[0]
        for T, view in zip(trajectory.T_world_camera, views, strict=True)
    ]
    assert max(errors) < 0.01
    keyframes = {k.id: k for k in thrice.backend.keyframes}
    for culled in thrice.culled:
        assert culled.visit in keyframes[culled.anchor_id].visits


def test_nothing_holds_on_to_what_was_let_go(thrice: Run) -> None:
    backend, gone = thrice.backend, {culled.visit.id for culled in thrice.culled}
    assert not gone & thrice.ids
    assert set(backend.graph.poses) == thrice.ids
    assert {k for edge in backend.graph.edges for k in (edge.i, edge.j)} == thrice.ids
    assert set(backend.graph.component_of().values()) == {0}
    assert not gone & set(backend.fusion._integrated)
    with pytest.raises(KeyError):
        backend.maps.coarse(next(iter(gone)))
    query = backend.linker.loop_closer.finder._places.query
    for culled in thrice.culled:
        found = query(culled.keyframe.features.descriptors, 50)
        assert not gone & {view for view, _ in found}


def test_a_new_place_gets_its_keyframes(room: Room) -> None:
    views = [*THERE_AND_BACK, *range(4, 60, 4), *NEW_PLACE]
    run = Run(walk(room, views), config())
    start = views.index(NEW_PLACE[0])
    assert any(culled.visit.frames[0].frame_index < start for culled in run.culled)
    assert sum(keyframe.frame_index >= start for keyframe in run.backend.keyframes) >= 4


def test_a_place_that_changed_keeps_its_keyframe(room: Room, twice: Run) -> None:
    """A board stands in the way when the camera comes back: nothing else shows that."""
    changed = [
        replace(p, pointmap=np.where(board(p)[..., None], p.pointmap * 0.6, p.pointmap))
        if number >= len(THERE_AND_BACK)
        else p
        for number, p in enumerate(walk(room, 2 * THERE_AND_BACK))
    ]
    different = Run(changed, config())
    assert len(different.backend.keyframes) >= len(twice.backend.keyframes) + 3


def board(prediction: Prediction) -> np.ndarray:
    """bool (H, W): the right half of the image."""
    height, width = prediction.image.shape[:2]
    return np.broadcast_to(np.arange(width) >= width // 2, (height, width))


def test_online_alignment_keeps_its_pace_where_the_map_has_stopped_growing(
    room: Room, monkeypatch: pytest.MonkeyPatch
) -> None:
    aligned_at: list[int] = []

    def noted(closed: list[int], *more: object) -> list[object]:
        aligned_at.append(closed[-1])
        return []

    monkeypatch.setattr("mapper.backend.backend.align_newest", noted)
    run = Run(walk(room, 2 * THERE_AND_BACK), replace(config(), align="online"))
    assert run.culled and run.backend.config.online.every == 5
    assert aligned_at == [*range(3, run.backend.keyframes[-1].id, 5)]


def test_small_maps_keep_every_keyframe(room: Room) -> None:
    assert not Run(walk(room, THERE_AND_BACK), config(after=1000)).culled


def test_reuse_can_be_switched_off() -> None:
    graph, maps = PoseGraph(), MapCache(None, 2)
    culler = KeyframeCuller(CullingConfig(after=0), graph, maps)
    many = [Keyframe(k, 0, np.eye(4), NO_FEATURES, SMALL) for k in range(500)]
    assert culler.cull(many) is None and culler.pending(500) == 1
    assert KeyframeCuller(CullingConfig(after=100), graph, maps).pending(500) == 2


def test_the_journal_brings_the_visits_back(room: Room, tmp_path: Path) -> None:
    run = RunDirectory.create(tmp_path / "run", False)
    settings = config()
    run.write_description(described({"backend": {"align": "off"}}))
    recorder = RunRecorder(run, RecordingConfig())
    backend = Backend(settings, run.keyframes)
    for prediction in walk(room, 2 * THERE_AND_BACK):
        recorder.update(backend.add(prediction), backend, Checkpoint())
    recorder.finish(backend.finish(), backend)
    recorder.close()
    saved = load_map(run)
    visits = {k.id: [visit.id for visit in k.visits] for k in backend.keyframes}
    assert sum(map(len, visits.values())) > 3
    assert {k.id: [visit.id for visit in k.visits] for k in saved.keyframes} == visits
    on_disk = {int(path.stem) for path in (run.path / "keyframes").glob("*.npz")}
    assert on_disk == {keyframe.id for keyframe in backend.keyframes}
    indices, trajectory = assemble_trajectory(saved.keyframes, saved.poses)
    np.testing.assert_array_equal(indices, backend.trajectory()[0])
    np.testing.assert_allclose(
        trajectory.T_world_camera, backend.trajectory()[1].T_world_camera, atol=1e-12
    )


def test_an_interrupted_run_goes_on_with_its_visits(room: Room, tmp_path: Path) -> None:
    predictions = walk(room, 3 * THERE_AND_BACK)
    run = RunDirectory.create(tmp_path / "run", False)
    recorder = RunRecorder(run, RecordingConfig())
    backend = Backend(config(), run.keyframes)
    for prediction in predictions[: len(predictions) // 2]:
        recorder.update(backend.add(prediction), backend, Checkpoint())
    end = run.read_json(run.checkpoint)  # then the power fails
    assert any(line["event"] == "visit" for line in read_journal(run.journal))
    again = Backend(config(), run.keyframes)
    again.restore(*load_graph(run, end["journal_bytes"]))
    for prediction in predictions[end["next_frame"] :]:
        again.add(prediction)
    again.finish()
    indices, trajectory = again.trajectory()
    np.testing.assert_array_equal(indices, range(len(predictions)))
    errors = [
        distance(T, room.relative(0, view))[0]
        for T, view in zip(trajectory.T_world_camera, 3 * THERE_AND_BACK, strict=True)
    ]
    assert max(errors) < 0.01


def test_a_keyframe_with_a_contradicted_edge_stays(room: Room) -> None:
    """Composed with others the edge would be in less doubt than it deserves."""
    run = Run(walk(room, THERE_AND_BACK), config(after=1000))
    backend = run.backend
    culler = KeyframeCuller(CullingConfig(after=AFTER), backend.graph, backend.maps)
    candidate = backend.keyframes[-2]
    loops = [e for e in backend.graph.edges_at(candidate.id) if not e.kind.is_trusted]
    away = np.eye(4)
    away[0, 3] = 2.0
    backend.graph.add_edge(replace(loops[0], S_i_j=loops[0].S_i_j @ away))
    assert culler.cull(list(backend.keyframes)) is None
    backend.graph.replace_edges(loops[:1])
    assert culler.cull(list(backend.keyframes)) is not None


@pytest.mark.parametrize("wrong", [{"after": -1}, {"min_covered": 1.2}, {"min_shared": 0.95}])
def test_settings_without_sense_are_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(ConfigError, match=rf"{next(iter(wrong))}.*({next(iter(wrong.values()))})"):
        CullingConfig(**wrong)  # type: ignore[arg-type]
