"""Whatever is raised for one image, the run goes on; whatever ends it, what was seen is written."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

import cv2
import numpy as np
import pytest

from mapper import MapperConfig
from mapper.backend.backend import Backend
from mapper.backend.config import BackendConfig
from mapper.backend.fusion.map_fusion import FusionConfig
from mapper.backend.fusion.tsdf import TsdfConfig
from mapper.core.frame import Frame
from mapper.core.prediction import Prediction
from mapper.errors import InputError
from mapper.io.cameras.calibration import Calibration
from mapper.io.cameras.camera import Camera
from mapper.io.live.capture import LiveCapture
from mapper.io.live.source import LiveImage
from mapper.io.live.view import LiveView
from mapper.live import run_live
from mapper.live_job import LiveJob
from mapper.run.directory import RunDirectory
from mapper.runtime.patience import MOST
from mapper.slam.progress import NullProgress, Progress
from tests.support.paced_source import Pace, PacedSource
from tests.support.room_stream import RoomFrontend, marked
from tests.support.room_views import Room

CONFIG = MapperConfig(backend=BackendConfig(fusion=FusionConfig(tsdf=TsdfConfig(voxel_size=0.05))))
ODD = [cv2.error("imdecode"), MemoryError(), ZeroDivisionError("division by zero"), KeyError(7)]
Seen = np.ndarray | BaseException


pytestmark = pytest.mark.usefixtures("quick_outputs")


@pytest.fixture(scope="module")
def images(room: Room) -> list[np.ndarray]:
    return [marked(room.frame(index).image, index) for index in range(0, 36, 6)]


class FaultySource(PacedSource):
    """Raises what lies among the images without waiting for the map."""

    def __init__(self, script: Iterable[Seen], pace: Pace) -> None:
        super().__init__((), pace.ready)
        self._seen = iter(script)

    def read(self) -> LiveImage | None:
        item = next(self._seen, None)
        if isinstance(item, BaseException):
            raise item
        self._script = iter(() if item is None else (item,))
        return super().read()


def live(
    room: Room,
    run: RunDirectory,
    script: Iterable[Seen],
    frontend: RoomFrontend | None = None,
    progress: Progress | None = None,
) -> dict[str, Any]:
    pace = Pace()
    job = LiveJob(frontend or RoomFrontend(room), CONFIG, run, Calibration(Camera(room.intrinsics)))
    with LiveCapture(FaultySource(script, pace)) as capture:
        return run_live(capture, job, pace, progress=progress)


def assert_written(run: RunDirectory, tracked: int) -> dict[str, Any]:
    for path in (run.mesh, run.trajectory):
        assert path.stat().st_size > 0
    metrics: dict[str, Any] = json.loads(run.metrics.read_text())
    assert metrics["tracked"] == tracked
    return metrics


def test_whatever_a_source_raises_for_an_image_costs_that_image(
    room: Room, images: list[np.ndarray], run: RunDirectory
) -> None:
    live(room, run, [images[0], *ODD, *images[1:3], *ODD, *images[3:]])
    metrics = assert_written(run, len(images))
    assert metrics["unreadable"] == 2 * len(ODD) and metrics["complete"]


@pytest.mark.parametrize(
    ("ends", "told"),
    [
        ([MemoryError("no room\nat all")] * MOST, rf"{MOST} times in a row \(MemoryError: no room"),
        ([SystemExit(3)], r"the source failed \(SystemExit: 3\)"),
        ([InputError("the bag is damaged")], "the bag is damaged"),
    ],
)
def test_what_ends_a_source_leaves_the_map(
    room: Room, images: list[np.ndarray], run: RunDirectory, ends: list[BaseException], told: str
) -> None:
    with pytest.raises(InputError, match=told) as raised:
        live(room, run, [*images, *ends])
    assert "\n" not in str(raised.value)
    assert_written(run, len(images))


def test_an_image_that_cannot_be_tracked_is_skipped(
    room: Room, images: list[np.ndarray], run: RunDirectory
) -> None:
    frontend, pace = RoomFrontend(room), Pace()
    step = frontend.step

    def failing(frame: Frame) -> list[Prediction]:
        if frame.index == 2:
            pace.ready.release()  # this image is not going to be mapped
            raise cv2.error("an assertion")
        return step(frame)

    frontend.step = failing  # type: ignore[method-assign]
    job = LiveJob(frontend, CONFIG, run, Calibration(Camera(room.intrinsics)))
    with LiveCapture(FaultySource(images, pace)) as capture:
        run_live(capture, job, pace)
    metrics = assert_written(run, len(images) - 1)
    assert metrics["skipped"] == 1


def test_an_image_that_cannot_be_prepared_is_skipped(
    room: Room, images: list[np.ndarray], run: RunDirectory, monkeypatch: pytest.MonkeyPatch
) -> None:
    pace = Pace()
    frame = LiveView.frame

    def failing(view: LiveView, index: int, seen: LiveImage) -> Frame:
        if index == 2:
            pace.ready.release()
            raise cv2.error("an assertion")
        return frame(view, index, seen)

    monkeypatch.setattr(LiveView, "frame", failing)
    job = LiveJob(RoomFrontend(room), CONFIG, run, Calibration(Camera(room.intrinsics)))
    with LiveCapture(FaultySource(images, pace)) as capture:
        run_live(capture, job, pace)
    metrics = assert_written(run, len(images) - 1)
    assert metrics["skipped"] == 1


@pytest.mark.parametrize(("most", "at"), [(1, 3), (1, 5), (MOST, 3)])
def test_a_fault_while_mapping_leaves_out_an_image_or_ends_the_run_with_its_map(
    room: Room,
    images: list[np.ndarray],
    run: RunDirectory,
    monkeypatch: pytest.MonkeyPatch,
    most: int,
    at: int,
) -> None:
    monkeypatch.setattr("mapper.slam.mapper.MOST", most)
    pace = Pace()
    add, failed = Backend.add, []

    def failing(backend: Backend, prediction: Prediction) -> Any:
        if prediction.frame_index == at:
            failed.append(prediction)
            pace.ready.release(len(images) if most == 1 else 1)  # none is mapped after it
            raise MemoryError
        return add(backend, prediction)

    monkeypatch.setattr(Backend, "add", failing)
    job = LiveJob(RoomFrontend(room), CONFIG, run, Calibration(Camera(room.intrinsics)))
    with LiveCapture(FaultySource(images, pace)) as capture:
        if most == 1:
            with pytest.raises(InputError, match="could not be mapped"):
                run_live(capture, job, pace)
        else:
            run_live(capture, job, pace)
    metrics = assert_written(run, at if most == 1 else len(images) - 1)
    assert len(failed) == 1 and metrics["left_out"] == (most > 1)


class BrokenBar(NullProgress):
    def update(self, state: str, counts: Any = None) -> None:
        raise OSError(5, "the terminal has gone")


def test_a_terminal_that_has_gone_leaves_the_map(
    room: Room, images: list[np.ndarray], run: RunDirectory
) -> None:
    with pytest.raises(OSError, match="terminal has gone"):
        live(room, run, images, progress=BrokenBar())
    assert_written(run, 1)
