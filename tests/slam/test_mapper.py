"""The mapper as a library: frames in, trajectory and map out."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from mapper import Mapper, MapperConfig, Prediction, open_sequence
from mapper.backend.config import BackendConfig
from mapper.backend.fusion.map_fusion import FusionConfig
from mapper.backend.fusion.tsdf import TsdfConfig
from mapper.config.settings import RecordingConfig
from mapper.core.frame import Frame
from mapper.core.geometry import transform
from mapper.errors import InputError
from mapper.evaluate.metrics.trajectory import evaluate
from mapper.frontends.base import TrackingState
from mapper.rooms.sample.camera import sample_poses
from mapper.rooms.sample.sequence import room_mesh
from mapper.run.directory import RunDirectory
from mapper.run.recorder import RunRecorder
from mapper.runtime.open3d_loader import load_open3d
from mapper.slam.frame_job import FrameJob, least_missed
from mapper.slam.recorder import NullRecorder
from mapper.slam.result import MappingResult
from tests.support.room_views import WALK, Room, distance

COARSE = BackendConfig(fusion=FusionConfig(tsdf=TsdfConfig(voxel_size=0.05)))


class TrueFrontend:
    """Knows the true poses; answers `late` frames late; loses the frames it is told to."""

    name = "true"
    is_metric = True

    def __init__(self, room: Room, late: int = 0, lost: tuple[int, ...] = ()) -> None:
        self.state = TrackingState.TRACKING
        self.values: dict[str, float] = {}
        self._room, self._late, self._lost = room, late, lost
        self._waiting: list[Prediction] = []

    def step(self, frame: Frame) -> list[Prediction]:
        if frame.index in self._lost:
            self.state = TrackingState.LOST
            return []
        self.state = TrackingState.TRACKING
        self._waiting.append(self._room.prediction(frame.index))
        return [self._waiting.pop(0)] if len(self._waiting) > self._late else []

    def flush(self) -> list[Prediction]:
        rest, self._waiting = self._waiting, []
        return rest

    def reset(self) -> None:
        self._waiting = []


class FaultyRecorder(NullRecorder):
    """Fails in the backend's thread at the third prediction."""

    seen = 0

    def prediction(self, *_: object) -> None:
        self.seen += 1
        if self.seen == 3:
            raise OSError("the disk is gone")


def mapped(room: Room, indices: range, threads: bool = False, **frontend: Any) -> MappingResult:
    mapper = Mapper(
        MapperConfig(threads=threads, backend=COARSE), frontend=TrueFrontend(room, **frontend)
    )
    for index in indices:
        mapper.step(room.frame(index))
    return mapper.finish()


@pytest.fixture(scope="module")
def whole_walk(sample: Path) -> tuple[MappingResult, float]:
    """The result of the whole sample by the public interface, and its ATE in metres."""
    sequence = open_sequence(sample)
    mapper = Mapper(MapperConfig(backend=COARSE))
    for frame in sequence:  # by __getitem__ and IndexError
        mapper.step(frame)
    result = mapper.finish()
    assert sequence.ground_truth is not None
    return result, evaluate(result.trajectory, sequence.ground_truth).ate_se3.rmse


def test_the_sample_room_is_mapped_and_its_loop_closed(
    whole_walk: tuple[MappingResult, float],
) -> None:
    result, ate = whole_walk
    assert result.counts.frames == WALK and result.counts.lost == 0
    np.testing.assert_array_equal(result.frame_indices, np.arange(WALK))
    # 5.5 m of way with the sensor's noise at 320x240: 2.5 mm when this was written.
    assert ate < 0.006
    loops = [d for d in result.decisions if d.accepted]
    assert any(d.i < 3 and d.j > result.keyframes - 5 for d in loops)
    assert result.is_metric and len(result.mesh.faces) > 5000


def test_the_map_is_the_room(whole_walk: tuple[MappingResult, float]) -> None:
    result, _ = whole_walk
    # The map's world is the first frame.
    vertices = transform(sample_poses(WALK)[0], result.mesh.vertices).astype(np.float32)
    o3d, truth = load_open3d(), room_mesh()
    scene = o3d.t.geometry.RaycastingScene()
    scene.add_triangles(
        o3d.core.Tensor(truth.vertices), o3d.core.Tensor(truth.faces.astype(np.uint32))
    )
    distances = scene.compute_distance(o3d.core.Tensor(vertices)).numpy()
    # Voxels of 5 cm, and the distance is measured along the view and not across the surface.
    assert np.median(distances) < 0.01 and np.percentile(distances, 90) < 0.04


@pytest.mark.parametrize("late", [0, 3])
def test_threads_do_not_change_the_result(room: Room, late: int) -> None:
    one, two = (mapped(room, range(0, 60, 3), threads, late=late) for threads in (False, True))
    np.testing.assert_array_equal(one.trajectory.T_world_camera, two.trajectory.T_world_camera)
    # Open3D meshes blocks in an order of its own.
    a, b = (m.vertices[np.lexsort(m.vertices.T)] for m in (one.mesh, two.mesh))
    np.testing.assert_array_equal(a, b)
    assert one.decisions == two.decisions and one.counts == two.counts


def test_a_frontend_that_answers_late_loses_nothing(room: Room) -> None:
    result = mapped(room, range(10), late=4)
    np.testing.assert_array_equal(result.frame_indices, np.arange(10))
    for index, T in zip(result.frame_indices, result.trajectory.T_world_camera, strict=True):
        assert distance(T, room.relative(0, int(index)))[0] < 0.01


def test_lost_and_unreadable_frames_are_counted_and_left_out(room: Room) -> None:
    mapper = Mapper(
        MapperConfig(threads=False, backend=COARSE), frontend=TrueFrontend(room, lost=(2, 3))
    )
    states = [mapper.step(room.frame(index)) for index in range(6)]
    mapper.skip(InputError("frame 6 is damaged"))
    result = mapper.finish()
    assert [state == TrackingState.LOST for state in states] == [False] * 2 + [True] * 2 + [
        False
    ] * 2
    assert mapper.state == TrackingState.TRACKING
    counts = result.counts
    assert (counts.frames, counts.lost, counts.skipped) == (7, 2, 1)
    np.testing.assert_array_equal(result.frame_indices, [0, 1, 4, 5])


@pytest.mark.parametrize("threads", [False, True])
def test_no_frame_at_all_makes_an_empty_map(threads: bool) -> None:
    mapper = Mapper(MapperConfig(threads=threads))
    result = mapper.finish()
    assert mapper.state == TrackingState.LOST
    assert len(result.trajectory) == len(result.keyframe_trajectory) == result.keyframes == 0
    assert len(result.mesh.vertices) == len(result.mesh.faces) == 0
    assert result.counts.frames == 0


def test_a_run_that_is_lost_throughout_makes_an_empty_map(room: Room) -> None:
    result = mapped(room, range(5), threads=True, lost=tuple(range(5)))
    assert result.counts.lost == 5 and result.keyframes == 0
    assert len(result.trajectory) == len(result.mesh.vertices) == 0


@pytest.mark.parametrize("threads", [False, True])
def test_a_fault_behind_the_frontend_comes_out_of_step_or_finish(room: Room, threads: bool) -> None:
    mapper = Mapper(
        MapperConfig(threads=threads, backend=COARSE),
        frontend=TrueFrontend(room),
        recorder=FaultyRecorder(),
    )

    def map_all() -> None:
        for index in range(6):
            mapper.step(room.frame(index))
        mapper.finish()

    with pytest.raises(OSError, match="the disk is gone"):
        map_all()


def test_a_fault_of_the_frontend_comes_out_of_step(room: Room) -> None:
    frame = room.frame(0)
    mapper = Mapper(MapperConfig(frontend="rgbd"))
    with pytest.raises(InputError, match="no depth"):
        mapper.step(Frame(0, 0.0, frame.image, None, frame.intrinsics))
    with pytest.raises(InputError, match="--calib"):
        Mapper().step(Frame(0, 0.0, frame.image, frame.depth, None))


def test_one_frame_makes_a_map(room: Room) -> None:
    result = mapped(room, range(1))
    np.testing.assert_array_equal(result.trajectory.T_world_camera, [np.eye(4)])
    assert result.keyframes == 1 and len(result.mesh.vertices) > 500


def test_live_frames_are_left_out_where_they_are_dense_and_at_no_segments_border(
    room: Room,
) -> None:
    def job(index: int, segment: int = 0, lost: bool = False) -> FrameJob:
        predictions = [] if lost else [room.prediction(0, segment=segment)]
        frame = replace(room.frame(0), index=index)
        return FrameJob(frame, predictions, TrackingState.TRACKING, {})

    assert least_missed([job(0), job(5), job(6), job(7), job(20)]) == 2
    # Borders all: the oldest goes, so that tracking never waits.
    assert least_missed([job(0), job(1), job(2, 1), job(9, 1)]) == 0
    assert least_missed([job(0), job(1), job(5, lost=True), job(9)]) == 2
    assert least_missed([job(0), job(1)]) == 0


def test_a_new_segment_takes_what_the_frontend_held_back(room: Room) -> None:
    frontend = TrueFrontend(room, late=3)
    mapper = Mapper(MapperConfig(threads=False, backend=COARSE), frontend=frontend, live=True)
    for index in range(6):
        mapper.step(room.frame(index))
    mapper.start_segment()
    assert sum(len(k.frames) for k in mapper.backend.keyframes) == 6


class NotedFrontend(TrueFrontend):
    """Counts how often its memory is written down; each memory is the frames stepped so far."""

    def __init__(self, room: Room) -> None:
        super().__init__(room)
        self.stepped = 0
        self.noted: list[int] = []

    def step(self, frame: Frame) -> list[Prediction]:
        self.stepped += 1
        return super().step(frame)

    def snapshot(self) -> Any:
        return SimpleNamespace(note=partial(self._note, self.stepped))

    def _note(self, stepped: int) -> dict[str, Any]:
        self.noted.append(stepped)
        return {"stepped": stepped}

    def restore(self, note: dict[str, Any], read_frame: Any) -> None: ...


@pytest.mark.parametrize("threads", [False, True])
def test_memories_are_written_down_for_keyframes_alone(
    room: Room, tmp_path: Path, threads: bool
) -> None:
    """And they tell of the time before the frame that opens the keyframe, which comes again."""
    run = RunDirectory.create(tmp_path / "run", False)
    frontend = NotedFrontend(room)
    with (
        RunRecorder(run, RecordingConfig()) as recorder,
        Mapper(
            MapperConfig(threads=threads, backend=COARSE), frontend=frontend, recorder=recorder
        ) as mapper,
    ):
        for index in range(0, 40, 2):
            mapper.step(room.frame(index))
        result = mapper.finish()
    assert 2 < result.keyframes < 20 and len(frontend.noted) == result.keyframes
    checkpoint = run.read_json(run.checkpoint)
    assert checkpoint["next_frame"] == 2 * checkpoint["frontend"]["stepped"]
    assert checkpoint["counts"]["frames"] == checkpoint["frontend"]["stepped"]
