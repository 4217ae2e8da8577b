"""A network camera is mapped live, through every fault, and what was seen is written."""

from __future__ import annotations

import itertools
import json
import threading
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mapper import MapperConfig
from mapper.backend.config import BackendConfig
from mapper.backend.fusion.map_fusion import FusionConfig
from mapper.backend.fusion.tsdf import TsdfConfig
from mapper.backend.keyframe_culling import CullingConfig
from mapper.errors import InputError
from mapper.io.cameras.calibration import Calibration
from mapper.io.cameras.camera import Camera
from mapper.io.live import camera
from mapper.io.live.camera import CameraSource
from mapper.io.live.capture import LiveCapture
from mapper.io.live.retry import RetryOptions
from mapper.io.trajectory_files import read_tum
from mapper.io.viewer.map_logger import NullLogger
from mapper.live import run_live
from mapper.live_job import LiveJob
from mapper.run.directory import RunDirectory
from tests.support.made_up_records import described
from tests.support.mjpeg_server import Faults, MjpegServer
from tests.support.paced_source import Pace, PacedSource
from tests.support.room_stream import RoomFrontend, marked, pose_errors
from tests.support.room_views import Room

CONFIG = MapperConfig(backend=BackendConfig(fusion=FusionConfig(tsdf=TsdfConfig(voxel_size=0.05))))
VIEWS = range(0, 90, 2)
DESCRIPTION = described()


class Viewer(NullLogger):
    """A viewer whose window is closed after so many frames."""

    def __init__(self, frames: int) -> None:
        self.left = frames

    def frame(self, *_: object, **__: object) -> None:
        self.left -= 1

    @property
    def closed_by_user(self) -> bool:
        return self.left <= 0


@pytest.fixture(scope="module")
def images(room: Room) -> list[np.ndarray]:
    return [marked(room.frame(index).image, index) for index in VIEWS]


def live(
    room: Room,
    server: MjpegServer,
    out: Path,
    show: Any,
    config: MapperConfig = CONFIG,
    retry: RetryOptions | None = None,
    record: Path | None = None,
    max_seconds: float | None = None,
) -> tuple[dict[str, Any], RoomFrontend, RunDirectory]:
    frontend = RoomFrontend(room)
    run = RunDirectory.create(out, False)
    run.write_description(DESCRIPTION)
    calibration = Calibration(Camera(room.intrinsics))
    job = LiveJob(frontend, config, run, calibration, record)
    with LiveCapture(CameraSource(server.url), retry) as capture:
        return run_live(capture, job, show, max_seconds), frontend, run


FAULTS = {
    "none": Faults(),
    "silence": Faults(stall_at=(13,), stall_s=1.6),
    # Away for longer than a gap: the camera may be anywhere then.
    "all others": Faults(garbage_every=9, resize_at=9, drop_at=(13,), away_s=1.1),
}
NEVER_MS = 300_000  # without an image: longer than any machine is too busy to send one
GAPS_S = {"none": 300.0, "silence": 300.0, "all others": 0.5}


@pytest.mark.parametrize("name", FAULTS)
def test_a_network_camera_is_mapped_through_every_fault(
    name: str, room: Room, images: list[np.ndarray], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Only silence is told by a clock, and then a busy machine may be silent more than once.
    monkeypatch.setattr(camera, "READ_TIMEOUT_MS", 500 if name == "silence" else NEVER_MS)
    monkeypatch.setattr(camera, "OPEN_TIMEOUT_MS", NEVER_MS)
    before = threading.active_count()
    with MjpegServer(images, FAULTS[name]) as server:
        metrics, frontend, run = live(
            room, server, tmp_path / "run", Viewer(25), retry=RetryOptions(gap=GAPS_S[name])
        )
        connections = server.connections
    assert threading.active_count() == before
    assert metrics["complete"] and metrics["tracked"] >= 25 and metrics["lost"] == 0
    assert metrics["received"] >= metrics["frames"] + metrics["dropped"]
    assert metrics["reconnections"] == metrics["breaks"] == connections - 1
    assert (metrics["breaks"] > 0) == (name != "none")
    assert metrics["gaps"] == frontend.segment
    assert (metrics["gaps"] > 0) == (name == "all others")
    trajectory = read_tum(run.trajectory)
    taken = len(frontend.numbers)
    assert len(trajectory) == metrics["tracked"] == taken - metrics["left_out"]
    # Two worlds are joined by aligning noisy depth of whichever frames there was time for.
    assert pose_errors(room, frontend, trajectory).max() < 0.015
    for path in (run.mesh, run.cloud, run.report, run.metrics):
        assert path.stat().st_size > 0
    assert json.loads(run.metrics.read_text())["received"] == metrics["received"]


def test_the_record_of_a_live_run_is_mapped_again(
    room: Room, images: list[np.ndarray], tmp_path: Path
) -> None:
    from mapper import open_sequence

    with MjpegServer(images) as server:
        metrics, frontend, _ = live(
            room, server, tmp_path / "run", Viewer(8), record=tmp_path / "record"
        )
    sequence = open_sequence(tmp_path / "record")
    assert len(sequence) == metrics["frames"] == metrics["recorded"]
    moments = list(frontend.moments.values())
    np.testing.assert_allclose(sequence.timestamps, moments, atol=1e-5)
    assert sequence.intrinsics == room.intrinsics
    again = RoomFrontend(room)
    for index in range(len(sequence)):
        again.step(sequence[index])
    assert again.numbers == frontend.numbers


def test_the_time_limit_ends_a_run(
    room: Room, images: list[np.ndarray], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A clock that goes a tenth of a second with each image, and images without end."""
    pace = Pace()
    monkeypatch.setattr("mapper.live.time.monotonic", lambda: 50.0 + 0.1 * pace.shown)
    source = PacedSource(itertools.cycle(images), pace.ready)
    run = RunDirectory.create(tmp_path / "run", False)
    run.write_description(DESCRIPTION)
    job = LiveJob(RoomFrontend(room), CONFIG, run, Calibration(Camera(room.intrinsics)))
    with LiveCapture(source) as capture:
        metrics = run_live(capture, job, pace, 0.65)
    # One image may be on its way when the seventh has been shown.
    assert metrics["complete"] and metrics["frames"] in (7, 8)


def test_a_camera_that_sends_nothing_is_an_error_in_words(
    room: Room, images: list[np.ndarray], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(camera, "READ_TIMEOUT_MS", 300)
    monkeypatch.setattr(camera, "OPEN_TIMEOUT_MS", 300)
    with MjpegServer(images, count=0) as server, pytest.raises(InputError, match="no camera or"):
        live(room, server, tmp_path / "run", NullLogger(), max_seconds=1.0)


@pytest.mark.slow
def test_two_minutes_of_a_looped_stream_leave_no_thread_and_little_memory(
    room: Room, images: list[np.ndarray], tmp_path: Path
) -> None:
    from mapper.runtime.process_health import resident_mb

    before = threading.active_count()
    memory = []

    class Sampled(NullLogger):
        def frame(self, *_: object, **__: object) -> None:
            memory.append(resident_mb())

    few = replace(CONFIG, backend=replace(CONFIG.backend, reuse=CullingConfig(after=10)))
    with MjpegServer(images + images[::-1], Faults(drop_at=(900,)), rate=15) as server:
        metrics, _, _ = live(
            room, server, tmp_path / "run", Sampled(), config=few, max_seconds=120.0
        )
    assert threading.active_count() == before and metrics["reconnections"] == 1
    # Known places make no keyframes. The allocator settles by some 5 MB; each image or keyframe
    # that stayed would be 70 MB and more.
    third, last = np.median(np.array_split(memory, 4)[2:], axis=1)
    assert last - third < 15, memory[:: len(memory) // 40]
