"""The files of a made-up sequence in the TUM RGB-D format."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Final

import cv2
import numpy as np

from mapper.core.camera_kinds import CameraKind
from mapper.core.geometry import pose_to_quaternion_xyzw
from mapper.core.intrinsics import Intrinsics

DEPTH_SCALE: Final = 5000  # of the 16 bit images: 5000 = 1 m
MAX_WORKERS: Final = 4


def make_folders(folder: Path) -> None:
    """Those of the images."""
    for name in ("rgb", "depth"):
        (folder / name).mkdir()


def stamp(seconds: float) -> str:
    """A time as it stands in lists and names."""
    return f"{seconds:.6f}"


def write_frame(folder: Path, time: str, image: np.ndarray, depth: np.ndarray) -> None:
    """One colour image uint8 (H, W, 3), RGB, and one of depth (h, w), metres, named by time."""
    readings = np.clip(np.round(depth * DEPTH_SCALE), 0, 65535).astype(np.uint16)
    bgr = cv2.cvtColor(image, cv2.COLOR_RGB2BGR)
    jpeg = cv2.imencode(".jpg", bgr, [cv2.IMWRITE_JPEG_QUALITY, 95])[1]
    png = cv2.imencode(".png", readings, [cv2.IMWRITE_PNG_COMPRESSION, 1])[1]
    (folder / "rgb" / f"{time}.jpg").write_bytes(jpeg.tobytes())
    (folder / "depth" / f"{time}.png").write_bytes(png.tobytes())


def write_lists(folder: Path, times: Sequence[str], poses: np.ndarray) -> None:
    """rgb.txt, depth.txt and groundtruth.txt. poses: T_world_camera (N, 4, 4)."""
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


def write_calibration(folder: Path, intrinsics: Intrinsics, kind: CameraKind) -> None:
    """calibration.yaml; colour and depth share one view."""
    values = {name: getattr(intrinsics, name) for name in ("fx", "fy", "cx", "cy")}
    values |= {"width": intrinsics.width, "height": intrinsics.height}
    lines = "".join(f"  {name}: {value}\n" for name, value in values.items())
    text = f"color:\n{lines}depth_scale: {DEPTH_SCALE}\ncamera_kind: {kind}\n"
    (folder / "calibration.yaml").write_text(text)


def in_parallel(
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
