"""ScanNet v2: the selections that the papers evaluate, or scans: exported, or packed in .sens.

    ROOT/scene0707_00/color_90/*.jpg, pose_90.txt [, depth_90/*.png]
    ROOT/scene0707_00/color/0.jpg, depth/0.png, pose/0.txt, intrinsic/intrinsic_color.txt
    ROOT/scene0707_00/scene0707_00.sens

A prepared selection color_N goes before the export, that before the packed scan; of several the one
with the largest N: each holds the first N of every third frame, so a protocol cuts it itself. Its
names are counted anew and do not tell that; other names, or a root like long_scannet_s3, would.
ROOT may also be the folder above `scans_test` or `scans`. Poses: camera-to-world in OpenCV axes,
metres, 12 or 16 numbers row by row, in pose_N.txt one a line; a lost frame holds -inf and becomes
NaN. The pose is that of both cameras (their extrinsics are the identity). Depth: 16 bit, 1000 units
a metre, 640x480 in the view of colour, 1296x968. intrinsic_color.txt: 4x4. Film rate 30/s.
Source: Dai et al., "ScanNet", CVPR 2017, github.com/ScanNet/ScanNet (SensReader);
cut3r_evaluation, section A.
"""

from __future__ import annotations

from functools import partial
from pathlib import Path

import numpy as np

from mapper.core.intrinsics import Intrinsics
from mapper.io.datasets.dataset import BenchSequence
from mapper.io.datasets.layout import (
    largest_selection,
    require_file,
    require_images,
    require_pairs,
    sequence_names,
)
from mapper.io.datasets.preparation import preparation, stride_of_names
from mapper.io.sequences.decode import read_depth
from mapper.io.sequences.image_files import first_size
from mapper.io.sequences.published.scannet import (
    DEPTH_SCALE,
    FRAME_RATE,
    INTRINSICS,
    read_camera,
)
from mapper.io.sequences.published.sens import SUFFIX, open_scan
from mapper.io.sequences.published.sens import read_color as read_scan_color
from mapper.io.sequences.published.sens import read_depth as read_scan_depth
from mapper.io.sequences.truth_files import read_matrices

SELECTION_STRIDE = 3  # frames of the scan from one of a selection to the next

_DEPTH = partial(read_depth, depth_scale=DEPTH_SCALE)


def find(root: Path) -> list[str]:
    """The scans."""
    expected = (
        "folders like scene0707_00 with color_90 and pose_90.txt, with color and pose, or with "
        "scene0707_00.sens in them"
    )
    return sequence_names(_home(root), expected, _is_scan)


def read(root: Path, name: str) -> BenchSequence:
    """One scan, or its selection."""
    folder = _home(root) / name
    if not _has_images(folder):
        return _read_packed(require_file(folder / f"{name}{SUFFIX}", "the packed scan"), name)
    count = largest_selection(folder, "color")
    suffix = "" if count is None else f"_{count}"
    images = require_images(folder / f"color{suffix}", "colour images")
    depth_folder = folder / f"depth{suffix}"
    depths = require_pairs(images, depth_folder, "16-bit depth") if depth_folder.is_dir() else None
    if count is None:
        paths = [require_file(folder / "pose" / f"{p.stem}.txt", "a pose") for p in images]
        poses = np.concatenate([read_matrices(path, 1) for path in paths])
        prepared = None
    else:
        path = require_file(folder / f"pose{suffix}.txt", "a pose for every image")
        poses = read_matrices(path, len(images))
        told = stride_of_names(images)
        prepared = preparation(images[0].parent, told, SELECTION_STRIDE, count)
    step = prepared.stride if prepared else 1
    return BenchSequence(
        name=name,
        images=images,
        timestamps=np.arange(len(images)) * step / FRAME_RATE,
        T_world_camera=poses,
        depths=depths,
        read_depth=_DEPTH if depths else None,
        intrinsics=_intrinsics(folder / INTRINSICS, images),
        masks=None,
        prepared=prepared,
    )


def _read_packed(path: Path, name: str) -> BenchSequence:
    scan = open_scan(path)
    return BenchSequence(
        name=name,
        images=[path / "color" / str(index) for index in range(len(scan))],
        timestamps=np.arange(len(scan)) / FRAME_RATE,
        T_world_camera=scan.T_world_camera,
        depths=[path / "depth" / str(index) for index in range(len(scan))],
        read_depth=read_scan_depth,
        intrinsics=scan.intrinsics,
        masks=None,
        read_image=read_scan_color,
    )


def _home(root: Path) -> Path:
    nested = (root / "scans_test", root / "scans")
    return next((folder for folder in nested if folder.is_dir()), root)


def _has_images(folder: Path) -> bool:
    return (folder / "color").is_dir() or largest_selection(folder, "color") is not None


def _is_scan(folder: Path) -> bool:
    return _has_images(folder) or (folder / f"{folder.name}{SUFFIX}").is_file()


def _intrinsics(path: Path, images: list[Path]) -> Intrinsics | None:
    return read_camera(path, first_size(images)) if path.is_file() else None
