"""A camera without depth and without weights is mapped live."""

from __future__ import annotations

import threading
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from mapper import MapperConfig
from mapper.core.frame import Frame
from mapper.core.geometry import umeyama
from mapper.core.prediction import Prediction
from mapper.frontends.mono.config import MonoConfig
from mapper.frontends.mono.frontend import MonoFrontend
from mapper.io.cameras.calibration import Calibration
from mapper.io.cameras.camera import Camera
from mapper.io.live.capture import LiveCapture
from mapper.io.sequences.open_sequence import open_sequence
from mapper.io.trajectory_files import read_tum
from mapper.io.viewer.map_logger import NullLogger
from mapper.live import run_live
from mapper.live_job import LiveJob
from mapper.run.directory import RunDirectory
from tests.support.paced_source import PacedSource

FIRST, FRAMES = 60, 45


class Paced(MonoFrontend):
    """Lets the next image come once it is done with one."""

    def __init__(self, ready: threading.Semaphore) -> None:
        super().__init__(MonoConfig(depth_width=160, planes=32))
        self._ready = ready

    def step(self, frame: Frame) -> list[Prediction]:
        found = super().step(frame)
        self._ready.release()
        return found


@pytest.mark.usefixtures("quick_outputs")
def test_colour_alone_is_mapped_live(sample: Path, run: RunDirectory) -> None:
    """Though its answers come late, all frames are in the trajectory in the end."""
    walk = open_sequence(sample)
    assert walk.intrinsics is not None and walk.ground_truth is not None
    images = [walk[FIRST + i].image for i in range(FRAMES)]
    ready = threading.Semaphore(1)
    config = replace(MapperConfig(), matcher="orb")
    job = LiveJob(Paced(ready), config, run, Calibration(Camera(walk.intrinsics)), relocalises=True)
    with LiveCapture(PacedSource(images, ready)) as capture:
        metrics = run_live(capture, job, NullLogger())
    assert metrics["complete"] and metrics["frames"] == FRAMES and metrics["lost"] == 0
    mapped = read_tum(run.path / "trajectory.txt").T_world_camera[:, :3, 3]
    assert len(mapped) == FRAMES
    truth = walk.ground_truth.T_world_camera[FIRST : FIRST + FRAMES, :3, 3]
    scale, T = umeyama(mapped, truth, with_scale=True)
    off = np.linalg.norm(scale * mapped @ T[:3, :3].T + T[:3, 3] - truth, axis=1)
    assert np.sqrt((off**2).mean()) < 0.02
