"""Neural RGB-D, the synthetic scenes.

    ROOT/breakfast_room/images/img0.png, img1.png ...             640x480
    ROOT/breakfast_room/depth/depth0.png ...                      rendered, without noise
    ROOT/breakfast_room/poses.txt                                 4 lines a pose

ROOT may also be the folder above `neural_rgbd_data`. Depth: 16 bit, 1000 units a metre; beyond 10 m
is invalid. Camera f = 554.2562584220408, c = (320, 240). Poses: camera-to-world, metres, in OpenGL
camera axes (x right, y up, z backward); columns 1 and 2 of the rotation are negated for OpenCV's.
depth_filtered, depth_with_noise and trainval_poses.txt are not ground truth and not read.
Source: Azinovic et al., "Neural RGB-D surface reconstruction", CVPR 2022,
github.com/dazinovic/neural-rgbd-surface-reconstruction; cut3r_evaluation, section D.
"""

from __future__ import annotations

from functools import partial
from pathlib import Path

import numpy as np

from mapper.core.intrinsics import Intrinsics
from mapper.io.datasets.dataset import BenchSequence
from mapper.io.datasets.file_frames import read_limited_depth
from mapper.io.datasets.layout import require_file, require_images, require_pairs, sequence_names
from mapper.io.sequences.truth_files import read_matrices

CAMERA = Intrinsics(554.2562584220408, 554.2562584220408, 320.0, 240.0, 640, 480)
DEPTH_LIMIT = 10.0  # m
FRAME_RATE = 30.0  # 1/s; the files carry no time
OPENGL_FROM_OPENCV = np.diag([1.0, -1.0, -1.0, 1.0])


def find(root: Path) -> list[str]:
    """The scenes, nine in the full dataset."""
    return sequence_names(
        _home(root),
        "folders like breakfast_room with images/, depth/ and poses.txt in them",
        lambda folder: (folder / "images").is_dir(),
    )


def read(root: Path, name: str) -> BenchSequence:
    """One scene."""
    folder = _home(root) / name
    images = require_images(folder / "images", "images img0.png")
    path = require_file(folder / "poses.txt", "the poses, four lines each")
    return BenchSequence(
        name=name,
        images=images,
        timestamps=np.arange(len(images)) / FRAME_RATE,
        T_world_camera=read_matrices(path, len(images)) @ OPENGL_FROM_OPENCV,
        depths=require_pairs(images, folder / "depth", "depth images depth0.png"),
        read_depth=partial(read_limited_depth, depth_scale=1000.0, limit=DEPTH_LIMIT),
        intrinsics=CAMERA,
        masks=None,
    )


def _home(root: Path) -> Path:
    nested = root / "neural_rgbd_data"
    return nested if nested.is_dir() else root
