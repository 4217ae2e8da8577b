"""However a live run ends, what was seen is kept; what cannot begin touches nothing."""

from __future__ import annotations

import json
import os
import signal
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mapper import Mapper, MapperConfig
from mapper.backend.config import BackendConfig
from mapper.backend.fusion.map_fusion import FusionConfig
from mapper.backend.fusion.tsdf import TsdfConfig
from mapper.backend.loops.loop_decision import LoopDecision
from mapper.cli import main
from mapper.core.frame import Frame
from mapper.errors import InputError
from mapper.io.cameras.calibration import Calibration
from mapper.io.cameras.camera import Camera
from mapper.io.live.capture import LiveCapture
from mapper.live import run_live
from mapper.live_job import LiveJob
from mapper.run.directory import RunDirectory
from mapper.saved.map import load_decisions
from mapper.saved.resume import read_live_past
from tests.support.mjpeg_server import MjpegServer
from tests.support.paced_source import Pace, PacedSource
from tests.support.room_stream import RoomFrontend, marked
from tests.support.room_views import Room

CONFIG = MapperConfig(backend=BackendConfig(fusion=FusionConfig(tsdf=TsdfConfig(voxel_size=0.05))))


pytestmark = pytest.mark.usefixtures("quick_outputs")


@pytest.fixture(scope="module")
def images(room: Room) -> list[np.ndarray]:
    return [marked(room.frame(index).image, index) for index in range(0, 48, 6)]


def live(room: Room, run: RunDirectory, source: PacedSource, pace: Pace) -> dict[str, Any]:
    job = LiveJob(RoomFrontend(room), CONFIG, run, Calibration(Camera(room.intrinsics)))
    with LiveCapture(source) as capture:
        return run_live(capture, job, pace)


def kill_in_finish(monkeypatch: pytest.MonkeyPatch, number: signal.Signals) -> None:
    """The signal comes when the camera is done and the map is being settled."""
    finish: Callable[..., Any] = Mapper.finish

    def killed(mapper: Mapper) -> Any:
        os.kill(os.getpid(), number)
        return finish(mapper)

    monkeypatch.setattr(Mapper, "finish", killed)


def test_a_source_that_fails_for_good_leaves_the_map_of_what_came_before(
    room: Room, images: list[np.ndarray], run: RunDirectory
) -> None:
    pace = Pace()
    source = PacedSource([*images, InputError("the bag is damaged")], pace.ready)
    with pytest.raises(InputError, match="the bag is damaged"):
        live(room, run, source, pace)
    metrics = json.loads(run.metrics.read_text())
    assert metrics["tracked"] == len(images) and source.closed
    for path in (run.mesh, run.trajectory):
        assert path.stat().st_size > 0


def test_a_source_that_fails_at_once_says_why(room: Room, run: RunDirectory) -> None:
    pace = Pace()
    with pytest.raises(InputError, match="no codec"):
        live(room, run, PacedSource([InputError("no codec")], pace.ready), pace)
    assert not run.metrics.exists()


def test_a_polite_kill_while_the_map_settles_changes_nothing(
    room: Room, images: list[np.ndarray], run: RunDirectory, monkeypatch: pytest.MonkeyPatch
) -> None:
    kill_in_finish(monkeypatch, signal.SIGTERM)
    pace = Pace()
    metrics = live(room, run, PacedSource(images, pace.ready), pace)
    assert metrics["complete"] and run.mesh.stat().st_size > 0


def test_a_second_ctrl_c_gives_up_the_settling_and_the_run_can_go_on(
    room: Room, images: list[np.ndarray], run: RunDirectory, monkeypatch: pytest.MonkeyPatch
) -> None:
    def first(shown: int) -> None:
        if shown == len(images) - 1:
            os.kill(os.getpid(), signal.SIGINT)

    kill_in_finish(monkeypatch, signal.SIGINT)
    before = signal.getsignal(signal.SIGINT)
    pace = Pace(first)
    source = PacedSource(images, pace.ready)
    with pytest.raises(KeyboardInterrupt):
        live(room, run, source, pace)
    assert source.closed and signal.getsignal(signal.SIGINT) is before
    past = read_live_past(run)
    assert past is not None and past.counts.frames >= 1


@pytest.mark.parametrize("fault", ["camera", "record"])
def test_what_cannot_begin_leaves_the_former_run_alone(
    fault: str,
    run: RunDirectory,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    run.mesh.write_text("precious")
    monkeypatch.setattr("mapper.live.create_frontend", lambda *_: RoomFrontend)
    arguments = ["--frontend", "cut3r", "--out", str(run.path), "--overwrite"]
    with MjpegServer([np.zeros((48, 64, 3), np.uint8)]) as server:
        camera = "http://127.0.0.1:9/gone.mjpg" if fault == "camera" else server.url
        arguments += ["--camera", camera]
        if fault == "record":
            (tmp_path / "walk").mkdir()
            (tmp_path / "walk" / "rgb.txt").write_text("of yesterday")
            arguments += ["--record", str(tmp_path / "walk")]
        assert main(["live", *arguments]) == 2
    expected = {"camera": "no camera or stream answers", "record": "choose another --record"}
    assert expected[fault] in capsys.readouterr().err
    assert run.mesh.read_text() == "precious"


def test_tracking_never_waits_for_the_backend(
    room: Room, images: list[np.ndarray], monkeypatch: pytest.MonkeyPatch
) -> None:
    gate, waited = threading.Event(), []
    mapper = Mapper(CONFIG, frontend=RoomFrontend(room), live=True)
    add = mapper.backend.add

    def blocked(prediction: Any) -> Any:
        waited.append(not gate.wait(20))
        return add(prediction)

    monkeypatch.setattr(mapper.backend, "add", blocked)
    count = 40
    for index in range(count):
        if index % 2:  # a camera that comes and goes: every frame lies at a border
            mapper.start_segment()
        mapper.step(Frame(index, index / 30, images[index % len(images)]))
    gate.set()
    result = mapper.finish()
    assert not any(waited)  # else a step() had waited until the backend went on by itself
    assert result.counts.frames == count and result.counts.left_out >= count - 10


def test_loops_are_counted_though_no_list_of_them_grows(
    room: Room, run: RunDirectory, monkeypatch: pytest.MonkeyPatch
) -> None:
    finish = Mapper.finish
    held: list[LoopDecision] = []

    def looked_at(mapper: Mapper) -> Any:
        held.extend(mapper.decisions)
        return finish(mapper)

    monkeypatch.setattr(Mapper, "finish", looked_at)
    views = [*range(0, 120, 8), *range(104, 0, -8)]  # there and back
    pace = Pace()
    source = PacedSource([marked(room.frame(view).image, view) for view in views], pace.ready)
    metrics = live(room, run, source, pace)
    loops = load_decisions(run)
    assert held == [] and metrics["loops_accepted"] > 0
    assert metrics["loops_accepted"] + metrics["loops_refused"] == len(loops)
