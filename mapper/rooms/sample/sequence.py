"""A made-up sequence of a furnished room, with exact poses, in the TUM RGB-D format."""

from __future__ import annotations

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Final

import cv2
import numpy as np

from mapper.core.geometry import pose_to_quaternion_xyzw
from mapper.core.intrinsics import Intrinsics
from mapper.core.mesh import Mesh
from mapper.errors import ConfigError
from mapper.rooms.renderer import RoomRenderer
from mapper.rooms.sample.camera import sample_intrinsics, sample_poses
from mapper.rooms.sample.depth import sensed_depth
from mapper.rooms.sample.furniture import sample_room
from mapper.runtime.atomic_files import atomic_folder

FRAME_RATE: Final = 30.0  # Hz
DEPTH_SCALE: Final = 5000  # of the 16 bit images: 5000 = 1 m
START_TIME: Final = 1000.0  # seconds; as in recordings, time does not start at 0
IMAGE_NOISE: Final = 1.8  # standard deviation, grey levels
MAX_WORKERS: Final = 4


def make_sample(
    folder: Path,
    frames: int = 240,
    width: int = 640,
    height: int = 480,
    seed: int = 0,
    progress: Callable[[int, int], None] | None = None,
    *,
    clean: bool = False,
) -> Path:
    """Write a loop through the room to `folder` and return it; the same arguments, the same bytes.

    Motion is that of a hand-held camera at 240 frames; fewer frames walk the same loop in larger
    steps. clean leaves out the noise of both cameras and the holes in depth. progress is called
    with (frames done, frames in all). The folder must not exist, or be empty.
    """
    if frames < 2 or width < 16 or height < 16:
        raise ConfigError(
            f"a sample of {frames} frames of {width}x{height} is too small; "
            "ask for 2 frames of 16x16 at least"
        )
    intrinsics = sample_intrinsics(width, height)
    poses = sample_poses(frames)
    renderer = RoomRenderer(sample_room())

    def write(index: int, target: Path) -> None:
        rng = None if clean else np.random.default_rng(seed + index)
        image, depth = render_sample(renderer, poses[index], intrinsics, rng)
        _write_frame(target, index, image, depth)

    with atomic_folder(folder) as target:
        (target / "rgb").mkdir()
        (target / "depth").mkdir()
        _in_parallel(lambda index: write(index, target), frames, progress)
        _write_lists(target, poses)
        _write_calibration(target, intrinsics)
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


def _in_parallel(
    work: Callable[[int], None], count: int, progress: Callable[[int, int], None] | None
) -> None:
    """Call work(0) ... work(count - 1) on a few threads; a fault drops what has not begun."""
    workers = ThreadPoolExecutor(min(os.cpu_count() or 1, MAX_WORKERS))
    try:
        for index, _ in enumerate(workers.map(work, range(count))):
            if progress is not None:
                progress(index + 1, count)
    finally:
        workers.shutdown(cancel_futures=True)


def _time(index: int) -> str:
    return f"{START_TIME + index / FRAME_RATE:.6f}"


def _write_frame(folder: Path, index: int, image: np.ndarray, depth: np.ndarray) -> None:
    """One colour and one depth image, named by their time."""
    readings = np.clip(np.round(depth * DEPTH_SCALE), 0, 65535).astype(np.uint16)
    bgr = cv2.cvtColor(image, cv2.COLOR_RGB2BGR)
    jpeg = cv2.imencode(".jpg", bgr, [cv2.IMWRITE_JPEG_QUALITY, 95])[1]
    png = cv2.imencode(".png", readings, [cv2.IMWRITE_PNG_COMPRESSION, 1])[1]
    (folder / "rgb" / f"{_time(index)}.jpg").write_bytes(jpeg.tobytes())
    (folder / "depth" / f"{_time(index)}.png").write_bytes(png.tobytes())


def _write_lists(folder: Path, poses: np.ndarray) -> None:
    """rgb.txt, depth.txt and groundtruth.txt."""
    times = [_time(index) for index in range(len(poses))]
    for name, suffix in (("rgb", "jpg"), ("depth", "png")):
        lines = [f"{time} {name}/{time}.{suffix}\n" for time in times]
        (folder / f"{name}.txt").write_text(f"# timestamp filename\n{''.join(lines)}")
    numbers = np.concatenate([poses[:, :3, 3], pose_to_quaternion_xyzw(poses)], axis=1)
    lines = [
        f"{time} {' '.join(f'{number:.9f}' for number in row)}\n"
        for time, row in zip(times, numbers, strict=True)
    ]
    header = "# timestamp tx ty tz qx qy qz qw\n"
    (folder / "groundtruth.txt").write_text(header + "".join(lines))


def _write_calibration(folder: Path, intrinsics: Intrinsics) -> None:
    """calibration.yaml; colour and depth share one camera."""
    values = {name: getattr(intrinsics, name) for name in ("fx", "fy", "cx", "cy")}
    values |= {"width": intrinsics.width, "height": intrinsics.height}
    lines = "".join(f"  {name}: {value}\n" for name, value in values.items())
    text = f"color:\n{lines}depth_scale: {DEPTH_SCALE}\ncamera_kind: structured-light\n"
    (folder / "calibration.yaml").write_text(text)
