"""What a run needs is compiled before its first frame, and before the first image of a camera."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from mapper.errors import InputError
from mapper.frontends.mono.depth import hypotheses, refinement, sweep
from mapper.frontends.mono.geometry import bundle_kernels, pose_from_points, triangulation
from mapper.frontends.mono.tracking import patches
from mapper.live import map_camera
from mapper.pipeline import map_into
from mapper.request import LiveRequest, RunRequest
from mapper.slam import warm_up as module
from mapper.slam.warm_up import MADE_UP, warm_up
from tests.support.paced_source import Pace, PacedSource
from tests.support.paths import ROOT
from tests.support.quick_outputs import skip_report

PROGRAM = """
import gc
import numpy as np
from mapper.backend.config import BackendConfig
from mapper.backend.keyframes.keyframe_selector import KeyframeConfig
from mapper.config.settings import MapperConfig
from mapper.frontends.base import TrackingState
from mapper.frontends.rgbd.frontend import RgbdFrontend
from mapper.io.cameras.calibration import Calibration
from mapper.io.cameras.camera import Camera
from mapper.io.cameras.rig import Rig
from mapper.slam.mapper import Mapper
from mapper.slam.warm_up import warm_up
from numba.core.registry import CPUDispatcher
from tests.support.room_views import Room, in_units

ROOMS = [f"mapper.{room}" for room in ("core", "vision", "backend", "io")]

def compiled():
    found = (d for d in gc.get_objects() if isinstance(d, CPUDispatcher))
    return {
        f"{d.py_func.__module__}.{d.py_func.__name__} {signature}"
        for d in found
        if d.py_func.__module__.startswith(tuple(ROOMS))
        for signature in d.signatures
    }

class Network:
    name, is_metric, state, values = "network", False, TrackingState.TRACKING, {}
    def step(self, frame):
        return [in_units(room.prediction(frame.index), 1.7)]
    def flush(self):
        return []

room = Room()
backend = BackendConfig(keyframes=KeyframeConfig(max_frames=3, max_predicted=3))
for frontend in (RgbdFrontend(), Network()):
    warm_up(frontend.name)
    warm = compiled()
    with Mapper(MapperConfig(backend=backend), frontend=frontend) as mapper:
        for index in range(0, 20, 2):
            mapper.step(room.frame(index))
        assert mapper.finish().keyframes >= 3
    for registration in ("color_to_depth", "depth_to_color"):
        two = Calibration(Camera(room.intrinsics), Camera(room.intrinsics), np.eye(4))
        frame = room.frame(0)
        Rig(two, registration, (0, 0)).register(frame.image, frame.depth)
    print(len(warm), sorted(compiled() - warm))
"""


def test_after_it_a_run_compiles_nothing() -> None:
    """Told by what is compiled, not by a clock, in a process where nothing was."""
    line = [sys.executable, "-c", PROGRAM]
    done = subprocess.run(line, cwd=ROOT, check=True, capture_output=True, text=True)
    others = done.stdout.splitlines()
    assert len(others) == 2
    for other in others:
        warm, rest = other.split(" ", 1)
        assert int(warm) >= 10 and rest == "[]"


def test_it_is_done_once_in_a_process(monkeypatch: pytest.MonkeyPatch) -> None:
    mapped: list[tuple[str, bool]] = []
    monkeypatch.setattr(module, "_map", lambda *work: mapped.append(work))
    monkeypatch.setattr(module, "_done", set())
    for _ in range(2):
        warm_up("rgbd", align=True)
        warm_up("cut3r", align=False)
        warm_up("vggt", align=False)
    assert mapped == [("rgbd", False), (MADE_UP, False)]
    assert warm_up("rgbd") == 0.0


def test_colour_is_tracked_with_all_that_a_run_compiles() -> None:
    module._track_colour()
    for kernel in (
        bundle_kernels.normal_equations,
        hypotheses._choose,
        patches._align,
        pose_from_points._place,
        refinement._refined,
        sweep._costs,
        sweep._path,
        triangulation._triangulate,
    ):
        assert kernel.signatures, kernel


@pytest.fixture
def events(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """In which order things happen; warming up takes a second and a half by its own word."""
    told: list[str] = []

    def warmed(frontend: str, align: bool) -> float:
        told.append(f"warm up {frontend}")
        return 1.5

    monkeypatch.setattr("mapper.pipeline.warm_up", warmed)
    return told


def test_a_camera_is_opened_when_all_is_compiled(
    events: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Source(PacedSource):
        has_depth = True

        def open(self) -> None:
            events.append("open")
            raise InputError("enough seen")

    source = Source([], Pace().ready)
    monkeypatch.setattr("mapper.live.open_live", lambda *_, **__: source)
    with pytest.raises(InputError, match="enough seen"):
        map_camera(LiveRequest(camera="0", out=tmp_path / "run"))
    assert events == ["warm up rgbd", "open"]


def test_a_run_counts_its_frames_a_second_without_it(
    events: list[str], sample: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    skip_report(monkeypatch)
    read = [0.0]

    def clock() -> float:  # a second at each look
        read[0] += 1.0
        return read[0]

    monkeypatch.setattr("mapper.pipeline.time.perf_counter", clock)
    metrics: dict[str, Any]
    _, metrics = map_into(RunRequest(sequence=sample, out=tmp_path / "run", max_frames=3))
    assert events == ["warm up rgbd"] and metrics["warm_up_s"] == 1.5
    assert metrics["matcher"] in ("xfeat", "orb")
    assert metrics["fps"] == pytest.approx(3 / metrics["wall_time_s"])
