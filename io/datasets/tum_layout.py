"""TUM's layout, which Bonn shares: a full recording, or a prepared selection of its frames."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import numpy as np

from mapper.core.geometry import pose_from_quaternion_xyzw
from mapper.core.trajectory import Trajectory
from mapper.errors import InputError
from mapper.io.cameras.calibration import Camera
from mapper.io.datasets.dataset import BenchSequence
from mapper.io.datasets.layout import (
    largest_selection,
    require_file,
    require_images,
    require_pairs,
)
from mapper.io.datasets.pose_files import poses_at
from mapper.io.datasets.preparation import preparation, stride_of_times, times_of_names
from mapper.io.sequences.decode import read_depth
from mapper.io.sequences.file_sequence import check_increasing
from mapper.io.sequences.tum import ASSOCIATION_TOLERANCE, DEPTH_SCALE, associate
from mapper.io.trajectory_files import read_tum

FRAME_RATE = 30.0  # 1/s; of TUM's and of Bonn's cameras

_DEPTH = partial(read_depth, depth_scale=DEPTH_SCALE)


def read_selection(
    folder: Path, name: str, camera: Camera | None, usual_stride: int
) -> BenchSequence:
    """rgb_N, groundtruth_N.txt and perhaps depth_N of the largest N; matched by order.

    usual_stride: of such folders of this dataset, for one whose times do not tell it.
    """
    count = largest_selection(folder, "rgb") or 0
    images_folder = folder / f"rgb_{count}"
    images = require_images(images_folder, "colour images")
    truth_path = folder / f"groundtruth_{count}.txt"
    truth = read_tum(require_file(truth_path, "a pose for every image"))
    if len(truth) != len(images):
        raise InputError(
            f"{truth_path}: {len(truth)} poses for {len(images)} images in rgb_{count}; they are "
            "matched by order and must be equal in number"
        )
    times = times_of_names(images)
    gap = 0.0 if times is None else float(np.abs(times - truth.timestamps).max())
    told = stride_of_times(truth.timestamps if times is None else times, FRAME_RATE)
    depth_folder = folder / f"depth_{count}"
    depths = require_pairs(images, depth_folder, "depth") if depth_folder.is_dir() else None
    return BenchSequence(
        name=name,
        images=images,
        timestamps=truth.timestamps,
        T_world_camera=truth.T_world_camera,
        depths=depths,
        read_depth=_DEPTH if depths else None,
        intrinsics=camera.intrinsics if camera else None,
        masks=None,
        distortion=camera.distortion if camera else (),
        prepared=preparation(images_folder, told, usual_stride, count, gap),
    )


def read_recording(
    folder: Path, name: str, camera: Camera | None, with_depth: bool
) -> BenchSequence:
    """rgb.txt, groundtruth.txt and depth.txt of a whole recording.

    with_depth: keep the images that have a depth image within 0.02 s. Otherwise those that have a
    pose within 0.02 s, and no depth: the papers' selections are made in this way.
    """
    timestamps, images = _image_list(folder / "rgb.txt")
    truth = _read_truth(require_file(folder / "groundtruth.txt", "the poses of the recording"))
    depths: list[Path] | None = None
    if with_depth:
        depth_times, depth_images = _image_list(folder / "depth.txt")
        pairs = associate(timestamps, depth_times, ASSOCIATION_TOLERANCE)
        depths = [depth_images[j] for j in pairs[:, 1]]
        kept = pairs[:, 0]
    else:
        kept = associate(timestamps, truth.timestamps, ASSOCIATION_TOLERANCE)[:, 0]
    if len(kept) == 0:
        other = "depth.txt" if with_depth else "groundtruth.txt"
        raise InputError(
            f"{folder}: no image of rgb.txt within {ASSOCIATION_TOLERANCE} s of a line of {other}; "
            "compare their times"
        )
    return BenchSequence(
        name=name,
        images=[images[i] for i in kept],
        timestamps=timestamps[kept],
        T_world_camera=poses_at(timestamps[kept], truth, ASSOCIATION_TOLERANCE),
        depths=depths,
        read_depth=_DEPTH if depths else None,
        intrinsics=camera.intrinsics if camera else None,
        masks=None,
        distortion=camera.distortion if camera else (),
    )


def _image_list(path: Path) -> tuple[np.ndarray, list[Path]]:
    """Times float64 (N,), s, and image paths of rgb.txt or depth.txt."""
    rows = _table(require_file(path, "TUM's list of images"), 2, str)
    try:
        timestamps = rows[:, 0].astype(np.float64)
    except ValueError as error:
        raise InputError(f"{path}: expected lines `timestamp filename`: {error}") from error
    check_increasing(timestamps, path)
    return timestamps, [path.parent / str(name) for name in rows[:, 1]]


def _read_truth(path: Path) -> Trajectory:
    """groundtruth.txt of a recording; of several poses at one time, which occur, the first."""
    rows = _table(path, 8, float)
    timestamps, first = np.unique(rows[:, 0], return_index=True)
    poses = rows[first]
    if not np.isfinite(poses).all() or not poses[:, 4:].any(axis=1).all():
        raise InputError(f"{path}: a line is no pose `timestamp tx ty tz qx qy qz qw`")
    return Trajectory(timestamps, pose_from_quaternion_xyzw(poses[:, 4:], poses[:, 1:4]))


def _table(path: Path, columns: int, dtype: type) -> np.ndarray:
    """(N, columns) of the first columns of a text file with # comments; N > 0."""
    try:
        lines = [line.split() for line in path.read_text(encoding="utf-8").splitlines()]
        rows = [words[:columns] for words in lines if words and not words[0].startswith("#")]
        table: np.ndarray = np.array(rows, dtype).reshape(len(rows), columns)
    except (OSError, ValueError) as error:
        raise InputError(f"{path}: expected lines of {columns} columns: {error}") from error
    if not rows:
        raise InputError(f"{path}: holds no line; is the download complete?")
    return table
