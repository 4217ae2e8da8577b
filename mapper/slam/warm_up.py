"""Compiles what a run needs before its first frame comes, by mapping a few made-up ones."""

from __future__ import annotations

import logging
import time
from dataclasses import replace
from pathlib import Path
from typing import Final

import cv2
import numpy as np

from mapper.backend.config import BackendConfig
from mapper.backend.fusion.map_fusion import FusionConfig
from mapper.backend.fusion.tsdf import TsdfConfig
from mapper.backend.fusion.tsdf_kernels import integrate_blocks
from mapper.backend.keyframes.keyframe_selector import KeyframeConfig
from mapper.config.settings import MapperConfig
from mapper.core.depth_noise import LEARNED
from mapper.core.frame import Frame
from mapper.core.geometry import backproject
from mapper.core.intrinsics import Intrinsics
from mapper.core.prediction import Prediction
from mapper.frontends.base import Frontend, TrackingState
from mapper.frontends.registry import WITHOUT_WEIGHTS
from mapper.frontends.rgbd.frontend import RgbdFrontend
from mapper.io.cameras.depth_registration import color_to_depth, depth_to_color
from mapper.slam.mapper import Mapper
from mapper.vision.depth_pyramid import build_pyramid
from mapper.vision.moving_parts import without_moving

logger = logging.getLogger(__name__)

CAMERA: Final = Intrinsics(140.0, 140.0, 79.5, 59.5, 160, 120)
FRAMES: Final = 7
MADE_UP: Final = "made up"
COLOUR_FRAMES: Final = 45
WALLS: Final = (0.8, 1.6, 1.2, 2.0)  # pixels that each moves by from frame to frame
A_KEYFRAME: Final = KeyframeConfig(max_frames=2, max_predicted=2)
COARSE: Final = FusionConfig(tsdf=TsdfConfig(voxel_size=0.1, max_depth=5.0))


def warm_up(frontend: str, align: bool = True) -> float:
    """Map made-up frames with the frontend rgbd, or with what any other would say of them; and
    show the frontend mono images.

    Numba compiles a function when it is first called: seconds of a run on a new machine, in which
    a camera's images would be lost. What is compiled is kept on disk, and later runs load it here
    in a fraction of a second. align: the global alignment too, for what is no depth camera's.
    Returns how many seconds it took; nothing the second time in a process.
    """
    source = frontend if frontend in (RgbdFrontend.name, WITHOUT_WEIGHTS) else MADE_UP
    work = (source, align and source != RgbdFrontend.name)
    if work in _done:
        return 0.0
    started = time.perf_counter()
    _map(*work)
    if source == RgbdFrontend.name:
        _register()
        _look_for_motion()
    if source == WITHOUT_WEIGHTS:
        _track_colour()
    _done.add(work)
    seconds = time.perf_counter() - started
    logger.info("warmed up in %.2f s", seconds)
    return seconds


def is_cold() -> bool:
    """Whether the kernels were never compiled on this machine, as far as files tell."""
    folder = integrate_blocks.stats.cache_path
    return folder is not None and not any(Path(folder).glob("tsdf_kernels.integrate_blocks-*.nbi"))


def _map(source: str, align: bool) -> None:
    """Everything that a run does, with so few frames that only the compiling takes time."""
    frontend: Frontend = RgbdFrontend() if source == RgbdFrontend.name else _MadeUp()
    backend = BackendConfig(
        keyframes=A_KEYFRAME, fusion=COARSE, align="final" if align else "off", dynamic="remove"
    )
    with Mapper(
        MapperConfig(matcher="orb", threads=False, backend=backend), frontend=frontend
    ) as mapper:
        frame = _frame()
        for index in range(FRAMES):
            mapper.step(replace(frame, index=index, timestamp=index / 10))
        mapper.finish()


def _register() -> None:
    """What brings colour and depth of two cameras together, while they are read."""
    frame = _frame()
    assert frame.depth is not None
    color_to_depth(frame.image, frame.depth, CAMERA, CAMERA, np.eye(4))
    depth_to_color(frame.depth, CAMERA, CAMERA, np.eye(4))


def _look_for_motion() -> None:
    """What the tracker does only where a view does not fit, as nothing of the made-up ones."""
    frame = _frame()
    assert frame.depth is not None
    view = build_pyramid(frame.depth, frame.image, CAMERA)
    without_moving(view, view, np.eye(4))


def _track_colour() -> None:
    """What the frontend mono does, with four windows that walls pass by behind, near and far."""
    from mapper.frontends.mono.config import MonoConfig  # which no other run needs
    from mapper.frontends.mono.frontend import MonoFrontend

    frontend = MonoFrontend(MonoConfig(depth_width=64, planes=8))
    rng = np.random.default_rng(0)
    height, width, strip = 240, 320, 80
    coarse = rng.integers(0, 256, (height // 6, 150, 3), dtype=np.uint8)
    wall = cv2.resize(coarse, (900, height), interpolation=cv2.INTER_LINEAR)
    camera = Intrinsics(280.0, 280.0, 159.5, 119.5, width, height)
    for index in range(COLOUR_FRAMES):
        image = np.empty((height, width, 3), np.uint8)
        for place, pixels in enumerate(WALLS):
            left = strip * place
            shift = np.array([[1, 0, -left - pixels * index], [0, 1, 0]], np.float32)
            image[:, left : left + strip] = cv2.warpAffine(wall, shift, (strip, height))
        frontend.step(Frame(index, index / 30, image, None, camera))
    frontend.flush()


_done: set[tuple[str, bool]] = set()  # in this process, where what is compiled stays so


class _MadeUp:
    """A network, up to scale, that sees one place for ever."""

    name = MADE_UP
    is_metric = False

    def __init__(self) -> None:
        self.state = TrackingState.TRACKING
        self.values: dict[str, float] = {}

    def step(self, frame: Frame) -> list[Prediction]:
        """From where the camera stands."""
        assert frame.depth is not None and frame.intrinsics is not None
        return [
            Prediction(
                frame.index,
                frame.timestamp,
                backproject(frame.depth, frame.intrinsics),
                np.ones(frame.depth.shape, np.float32),
                np.eye(4),
                frame.intrinsics,
                frame.image,
                is_metric=False,
                noise=LEARNED,
            )
        ]

    def flush(self) -> list[Prediction]:
        """Nothing waits."""
        return []

    def reset(self) -> None:
        """Nothing is remembered."""


def _frame() -> Frame:
    """A textured corner between two walls and a floor, 1.5 to 3 m away."""
    rng = np.random.default_rng(0)
    width, height = CAMERA.width, CAMERA.height
    coarse = rng.integers(0, 256, (height // 8, width // 8, 3), dtype=np.uint8)
    image = np.repeat(np.repeat(coarse, 8, axis=0), 8, axis=1)
    v, u = np.indices((height, width), dtype=np.float32)
    x, y = (u - CAMERA.cx) / CAMERA.fx, (v - CAMERA.cy) / CAMERA.fy
    walls = 3.0 / (1.0 + np.abs(x))
    floor = 0.8 / np.maximum(y, 1e-3)
    return Frame(0, 0.0, image, np.minimum(walls, floor).astype(np.float32), CAMERA)
