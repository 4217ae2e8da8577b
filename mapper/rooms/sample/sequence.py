"""A made-up sequence of a furnished room, with exact poses, in the TUM RGB-D format."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Final

import cv2
import numpy as np

from mapper.core.intrinsics import Intrinsics
from mapper.core.mesh import Mesh
from mapper.errors import ConfigError
from mapper.rooms.renderer import RoomRenderer
from mapper.rooms.room import Room
from mapper.rooms.sample.camera import sample_intrinsics, sample_poses
from mapper.rooms.sample.depth import sensed_depth
from mapper.rooms.sample.furniture import sample_room
from mapper.rooms.tum_folder import (
    in_parallel,
    make_folders,
    stamp,
    write_calibration,
    write_frame,
    write_lists,
)
from mapper.runtime.atomic_files import atomic_folder

FRAME_RATE: Final = 30.0  # Hz
START_TIME: Final = 1000.0  # seconds; as in recordings, time does not start at 0
IMAGE_NOISE: Final = 1.8  # standard deviation, grey levels


def make_sample(
    folder: Path,
    frames: int = 240,
    width: int = 640,
    height: int = 480,
    seed: int = 0,
    progress: Callable[[int, int], None] | None = None,
    *,
    clean: bool = False,
    room: Room | None = None,
) -> Path:
    """Write a loop through the room to `folder` and return it; the same arguments, the same bytes.

    Motion is that of a hand-held camera at 240 frames; fewer frames walk the same loop in larger
    steps. clean leaves out the noise of both cameras and the holes in depth. room: another one than
    the sample room, of its size. progress is called with (frames done, frames in all). The folder
    must not exist, or be empty.
    """
    if frames < 2 or width < 16 or height < 16:
        raise ConfigError(
            f"a sample of {frames} frames of {width}x{height} is too small; "
            "ask for 2 frames of 16x16 at least"
        )
    intrinsics = sample_intrinsics(width, height)
    poses = sample_poses(frames)
    renderer = RoomRenderer(room or sample_room())

    def write(index: int, target: Path) -> None:
        rng = None if clean else np.random.default_rng(seed + index)
        image, depth = render_sample(renderer, poses[index], intrinsics, rng)
        write_frame(target, _stamp(index), image, depth)

    with atomic_folder(folder) as target:
        make_folders(target)
        in_parallel(lambda index: write(index, target), frames, progress)
        write_lists(target, [_stamp(index) for index in range(frames)], poses)
        write_calibration(target, intrinsics, "structured-light")
    return Path(folder)


def render_sample(
    renderer: RoomRenderer,
    T_world_camera: np.ndarray,
    intrinsics: Intrinsics,
    rng: np.random.Generator | None,
) -> tuple[np.ndarray, np.ndarray]:
    """image uint8 (H, W, 3) RGB and depth float32 (H, W) metres, 0 = no reading.

    Without rng both are free of noise and of holes.
    """
    image, view = renderer.image(T_world_camera, intrinsics)
    depth = view.depth
    image = cv2.GaussianBlur(image, (3, 3), 0.5)
    if rng is None:
        return image, depth
    dropout = np.array([part.dropout for part in renderer.room.parts], np.float32)[view.part]
    depth = sensed_depth(depth, view.slant, dropout, rng)
    noise = (IMAGE_NOISE * rng.standard_normal(depth.shape, np.float32)).round().astype(np.int16)
    image = cv2.add(image, cv2.merge([noise] * 3), dtype=cv2.CV_8U)
    return image, depth


def room_mesh() -> Mesh:
    """The exact surfaces that the sample shows, world frame, metres, each part in its colour."""
    return sample_room().mesh()


def _stamp(index: int) -> str:
    return stamp(START_TIME + index / FRAME_RATE)
