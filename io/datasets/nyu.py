"""NYU Depth v2, the 654 test images, prepared as single files.

    HOME/nyu_images/*.png          640x480
    HOME/nyu_depths/*.npy          float (H, W), metres

HOME is ROOT/val, or ROOT itself. Images and depth pair by order. The images are single views, one
"sequence" `val` whose times mean nothing. No poses. The camera is the one published with the
dataset's toolbox, given where the images have its 640x480 pixels.
The download itself, nyu_depth_v2_labeled.mat, is an HDF5 file, which needs a library that the
mapper does not depend on: export it to the folders above.
Source: Silberman et al., "Indoor segmentation and support inference from RGBD images", ECCV 2012,
cs.nyu.edu/~fergus/datasets/nyu_depth_v2.html; cut3r_evaluation, section C.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from mapper.core.intrinsics import Intrinsics
from mapper.errors import InputError
from mapper.io.datasets.dataset import BenchSequence
from mapper.io.datasets.layout import require_images, require_pairs
from mapper.io.sequences.decode import decode_raw_depth, depth_in_metres, read_bytes
from mapper.io.sequences.image_files import first_size

NAME = "val"
CAMERA = Intrinsics(518.85790117, 519.46961112, 325.58244941, 253.73616633, 640, 480)


def find(root: Path) -> list[str]:
    """The one name, if the images are there."""
    home = _home(root)
    packed = next(iter(sorted(home.glob("*.mat"))), None)
    if packed is not None and not (home / "nyu_images").is_dir():
        raise InputError(
            f"{packed}: the packed file is not read; export it to {home / 'nyu_images'} (png) and "
            f"{home / 'nyu_depths'} (npy, metres)"
        )
    require_images(home / "nyu_images", "the test images")
    return [NAME]


def read(root: Path, name: str) -> BenchSequence:
    """All images; name is `val`."""
    home = _home(root)
    images = require_images(home / "nyu_images", "the test images")
    depths = require_pairs(images, home / "nyu_depths", "depth as .npy", frozenset({".npy"}))
    same_size = first_size(images) == (CAMERA.width, CAMERA.height)
    return BenchSequence(
        name=name,
        images=images,
        timestamps=np.arange(len(images), dtype=np.float64),
        T_world_camera=None,
        depths=depths,
        read_depth=read_npy_depth,
        intrinsics=CAMERA if same_size else None,
        masks=None,
    )


def _home(root: Path) -> Path:
    nested = root / "val"
    return nested if nested.is_dir() else root


def read_npy_depth(path: Path) -> np.ndarray:
    """A NumPy file with (H, W) metres."""
    depth = decode_raw_depth(read_bytes(path), path)
    if depth.dtype.kind != "f":
        raise InputError(f"{path}: expected one array (H, W) of metres as floating-point numbers")
    return depth_in_metres(depth, 1.0, path)
