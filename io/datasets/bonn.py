"""Bonn RGB-D Dynamic: TUM's layout, or the selection of 110 frames that the papers evaluate.

    ROOT/[rgbd_bonn_dataset/]rgbd_bonn_balloon2/rgb_110/*.png, depth_110/*.png, groundtruth_110.txt
    ROOT/[rgbd_bonn_dataset/]rgbd_bonn_balloon2/rgb.txt, depth.txt, groundtruth.txt, rgb/, depth/

A prepared selection rgb_N goes before the full recording; of several the one with the largest N:
each holds the first N frames from frame 30 on, so a protocol cuts it itself. The script takes the
same lines of groundtruth.txt, whatever their times: poses and images pair by order only. Depth is
registered to colour, 16 bit, 5000 units a metre. Colour is distorted; the published coefficients
are given.

groundtruth: timestamp tx ty tz qx qy qz qw of the markers on the camera, in the axes of the motion
capture. The camera's pose is T_ROS T_markers T_ROS T_MARKERS_CAMERA, as published with the dataset;
the rotation of T_MARKERS_CAMERA is printed with a scale of 1.06 and made orthonormal here.
`read_markers` keeps the file's own poses: papers that score the file as it stands measure the
markers, 2 cm beside the camera, and in other axes.
Source: Palazzolo et al., "ReFusion", IROS 2019, ipb.uni-bonn.de/data/rgbd-dynamic-dataset;
cut3r_evaluation, sections A and B.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np

from mapper.core.geometry import orthonormalised
from mapper.core.intrinsics import Intrinsics
from mapper.io.cameras.camera import Camera
from mapper.io.datasets.dataset import BenchSequence
from mapper.io.datasets.layout import largest_selection, sequence_names
from mapper.io.datasets.tum_layout import read_recording, read_selection

PREFIX = "rgbd_bonn_"
SELECTION_STRIDE = 1
CAMERA = Camera(
    Intrinsics(542.822841, 542.576870, 315.593520, 237.756098, 640, 480),
    (0.039903, -0.099343, -0.000730, -0.000144, 0.0),
)
T_ROS = np.array([[-1.0, 0, 0, 0], [0, 0, 1, 0], [0, 1, 0, 0], [0, 0, 0, 1]])
T_MARKERS_CAMERA = orthonormalised(
    np.array(
        [
            [1.0157, 0.1828, -0.2389, 0.0113],
            [0.0009, -0.8431, -0.6413, -0.0098],
            [-0.3009, 0.6147, -0.8085, 0.0111],
            [0.0, 0.0, 0.0, 1.0],
        ]
    )
)


def find(root: Path) -> list[str]:
    """The sequences, without rgbd_bonn_ before their names."""
    names = sequence_names(
        _home(root),
        f"folders like {PREFIX}balloon2 with rgb_110 or rgb.txt in it",
        lambda folder: folder.name.startswith(PREFIX),
    )
    return [name.removeprefix(PREFIX) for name in names]


def read(root: Path, name: str) -> BenchSequence:
    """One sequence, with the poses of the camera."""
    sequence = read_markers(root, name)
    if sequence.T_world_camera is None:
        return sequence
    poses = T_ROS @ sequence.T_world_camera @ T_ROS @ T_MARKERS_CAMERA
    return replace(sequence, T_world_camera=poses)


def read_markers(root: Path, name: str) -> BenchSequence:
    """One sequence, with the poses of the markers as the file holds them."""
    folder = _home(root) / f"{PREFIX}{name}"
    if largest_selection(folder, "rgb") is not None:
        return read_selection(folder, name, CAMERA, SELECTION_STRIDE)
    return read_recording(folder, name, CAMERA, with_depth=True)


def _home(root: Path) -> Path:
    nested = root / "rgbd_bonn_dataset"
    return nested if nested.is_dir() else root
