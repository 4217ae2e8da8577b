"""TUM's layout, which Bonn shares: a full recording, or a prepared selection of its frames."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import numpy as np

from mapper.errors import InputError
from mapper.io.cameras.camera import Camera
from mapper.io.datasets.dataset import BenchSequence, poses_at
from mapper.io.datasets.layout import (
    largest_selection,
    require_file,
    require_images,
    require_pairs,
)
from mapper.io.datasets.preparation import preparation, stride_of_times, times_of_names
from mapper.io.sequences.decode import read_depth
from mapper.io.sequences.pairing import ASSOCIATION_TOLERANCE, associate
from mapper.io.sequences.truth_files import read_truth
from mapper.io.sequences.tum import DEPTH_SCALE
from mapper.io.sequences.tum_lists import ImageList, read_image_list
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
    listed = _image_list(folder / "rgb.txt")
    timestamps, images = listed.timestamps, listed.paths
    truth, _ = read_truth(require_file(folder / "groundtruth.txt", "the poses of the recording"))
    depths: list[Path] | None = None
    if with_depth:
        listed = _image_list(folder / "depth.txt")
        pairs = associate(timestamps, listed.timestamps, ASSOCIATION_TOLERANCE)
        depths = [listed.paths[j] for j in pairs[:, 1]]
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


def _image_list(path: Path) -> ImageList:
    return read_image_list(require_file(path, "TUM's list of images"))
