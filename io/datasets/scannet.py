"""ScanNet v2: the selections that the papers evaluate, or scans exported from their .sens files.

    ROOT/scene0707_00/color_90/*.jpg, pose_90.txt [, depth_90/*.png]
    ROOT/scene0707_00/color/0.jpg, depth/0.png, pose/0.txt, intrinsic/intrinsic_color.txt

A prepared selection color_N goes before the export; of several the one with the largest N: each
holds the first N of every third frame, so a protocol cuts it itself. ROOT may also be the folder
above `scans_test` or `scans`. Poses: camera-to-world in OpenCV axes, metres, 12 or 16 numbers row
by row, in pose_N.txt one a line; a lost frame holds -inf and becomes NaN. The pose is that of both
cameras (their extrinsics are the identity). Depth: 16 bit, 1000 units a metre, 640x480 in the view
of colour, 1296x968. intrinsic_color.txt: 4x4. Film rate 30/s.
Source: Dai et al., "ScanNet", CVPR 2017, github.com/ScanNet/ScanNet (SensReader);
cut3r_evaluation, section A.
"""

from __future__ import annotations

from functools import partial
from pathlib import Path

import numpy as np

from mapper.errors import InputError
from mapper.intrinsics import Intrinsics
from mapper.io.datasets.dataset import BenchSequence
from mapper.io.datasets.layout import (
    largest_selection,
    require_file,
    require_images,
    require_pairs,
    sequence_names,
)
from mapper.io.datasets.pose_files import read_matrices
from mapper.io.decode import first_size, read_depth

FRAME_RATE = 30.0  # 1/s
SELECTION_STRIDE = 3  # frames of the scan from one of a selection to the next

_DEPTH = partial(read_depth, depth_scale=1000.0)


def find(root: Path) -> list[str]:
    """The scans."""
    home = _home(root)
    packed = next(iter(sorted(home.glob("*/*.sens"))), None)
    if packed is not None and not _is_exported(packed.parent):
        raise InputError(
            f"{packed}: packed scans are not read; export {packed.parent / 'color'}, depth, pose "
            "and intrinsic with ScanNet's SensReader"
        )
    expected = "folders like scene0707_00 with color_90 and pose_90.txt, or color and pose, in them"
    return sequence_names(home, expected, _is_exported)


def read(root: Path, name: str) -> BenchSequence:
    """One scan, or its selection."""
    folder = _home(root) / name
    count = largest_selection(folder, "color")
    suffix = "" if count is None else f"_{count}"
    images = require_images(folder / f"color{suffix}", "colour images")
    depth_folder = folder / f"depth{suffix}"
    depths = require_pairs(images, depth_folder, "16-bit depth") if depth_folder.is_dir() else None
    if count is None:
        paths = [require_file(folder / "pose" / f"{p.stem}.txt", "a pose") for p in images]
        poses = np.concatenate([read_matrices(path, 1) for path in paths])
    else:
        path = require_file(folder / f"pose{suffix}.txt", "a pose for every image")
        poses = read_matrices(path, len(images))
    step = 1 if count is None else SELECTION_STRIDE
    return BenchSequence(
        name=name,
        images=images,
        timestamps=np.arange(len(images)) * step / FRAME_RATE,
        T_world_camera=poses,
        depths=depths,
        read_depth=_DEPTH if depths else None,
        intrinsics=_intrinsics(folder / "intrinsic" / "intrinsic_color.txt", images),
        masks=None,
        prepared=count is not None,
    )


def _home(root: Path) -> Path:
    nested = (root / "scans_test", root / "scans")
    return next((folder for folder in nested if folder.is_dir()), root)


def _is_exported(folder: Path) -> bool:
    return (folder / "color").is_dir() or largest_selection(folder, "color") is not None


def _intrinsics(path: Path, images: list[Path]) -> Intrinsics | None:
    if not path.is_file():
        return None
    try:
        K = np.loadtxt(path, ndmin=2)[:3, :3]
        fx, fy, cx, cy = (float(value) for value in (K[0, 0], K[1, 1], K[0, 2], K[1, 2]))
    except (ValueError, IndexError) as error:
        raise InputError(f"{path}: expected a camera matrix 4x4: {error}") from error
    return Intrinsics(fx, fy, cx, cy, *first_size(images))
