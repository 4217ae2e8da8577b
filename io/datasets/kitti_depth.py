"""KITTI depth: the selection for validation, gathered by drive or as it is downloaded.

    HOME/image_gathered/2011_09_26_drive_0002_sync_02/*.png
    HOME/groundtruth_depth_gathered/2011_09_26_drive_0002_sync_02/*.png
    HOME/image/2011_09_26_drive_0002_sync_image_0000000005_image_02.png
    HOME/groundtruth_depth/2011_09_26_drive_0002_sync_groundtruth_depth_0000000005_image_02.png
    HOME/intrinsics/2011_09_26_drive_0002_sync_image_0000000005_image_02.txt        K, 9 numbers

HOME is ROOT/depth_selection/val_selection_cropped, or ROOT itself. Gathered folders, which the
papers evaluate (the first 110 frames of a drive, under the drive's numbers), go before the 1000
single images of the download; image_gathered_N with the largest N before image_gathered. Gathered
files pair by order. The single images are put into sequences by drive and camera; their frame
numbers have gaps, so the papers' protocols refuse them.
Depth: 16 bit, 256 units a metre, 0 = no laser point. No poses. Images come at 10/s.
Source: Uhrig et al., "Sparsity invariant CNNs", 3DV 2017, cvlibs.net/datasets/kitti/eval_depth.php;
cut3r_evaluation, section B.
"""

from __future__ import annotations

import re
from functools import partial
from pathlib import Path

import numpy as np

from mapper.core.intrinsics import Intrinsics
from mapper.errors import InputError
from mapper.io.cameras.camera import pinhole
from mapper.io.datasets.dataset import BenchSequence
from mapper.io.datasets.layout import (
    largest_selection,
    require_file,
    require_images,
    require_pairs,
    sequence_names,
)
from mapper.io.datasets.preparation import (
    Preparation,
    preparation,
    stride_of_names,
    stride_of_times,
)
from mapper.io.sequences.decode import read_depth
from mapper.io.sequences.image_files import first_size
from mapper.io.text_files import read_text

FRAME_RATE = 10.0  # 1/s
DEPTH_SCALE = 256.0  # units per metre
GATHERED = 110  # images of a drive in image_gathered, at most

_SINGLE = re.compile(r"(?P<drive>.+)_image_(?P<frame>\d{10})_image_(?P<camera>\d\d)")


def find(root: Path) -> list[str]:
    """Drives and cameras, such as 2011_09_26_drive_0002_sync_02."""
    home = _home(root)
    if (home / "image").is_dir() and _gathered(home) is None:
        return sorted(_single_images(home))
    folder = f"image_gathered{_gathered(home) or ''}"
    expected = "folders like 2011_09_26_drive_0002_sync_02 with images, or HOME/image beside it"
    return sequence_names(home / folder, expected, lambda folder: True)


def read(root: Path, name: str) -> BenchSequence:
    """One drive seen by one camera."""
    home = _home(root)
    suffix = _gathered(home)
    intrinsics = None
    if suffix is None:
        images = _single_images(home)[name]
        depths = [_single_depth(home, path) for path in images]
        intrinsics = _intrinsics(home, images)
    else:
        images = require_images(home / f"image_gathered{suffix}" / name, "colour images")
        folder = home / f"groundtruth_depth_gathered{suffix}" / name
        depths = require_pairs(images, folder, "16-bit depth")
    return BenchSequence(
        name=name,
        images=images,
        timestamps=_times(images),
        T_world_camera=None,
        depths=depths,
        read_depth=partial(read_depth, depth_scale=DEPTH_SCALE),
        intrinsics=intrinsics,
        masks=None,
        prepared=_preparation(home, suffix, images),
    )


def _preparation(home: Path, suffix: str | None, images: list[Path]) -> Preparation:
    if suffix is None:
        return preparation(home / "image", stride_of_times(_times(images), FRAME_RATE), 1, 0)
    limit = int(suffix[1:]) if suffix else GATHERED
    return preparation(home / f"image_gathered{suffix}", stride_of_names(images), 1, limit)


def _home(root: Path) -> Path:
    nested = root / "depth_selection" / "val_selection_cropped"
    return nested if nested.is_dir() else root


def _gathered(home: Path) -> str | None:
    """What stands behind image_gathered: "_500", "", or None where there is no such folder."""
    count = largest_selection(home, "image_gathered")
    if count is not None:
        return f"_{count}"
    return "" if (home / "image_gathered").is_dir() else None


def _single_images(home: Path) -> dict[str, list[Path]]:
    found: dict[str, list[Path]] = {}
    for path in require_images(home / "image", "the selection's images"):
        parts = _SINGLE.fullmatch(path.stem)
        if parts is None:
            raise InputError(
                f"{path}: expected a name like "
                "2011_09_26_drive_0002_sync_image_0000000005_image_02.png"
            )
        found.setdefault(f"{parts['drive']}_{parts['camera']}", []).append(path)
    return found


def _single_depth(home: Path, image: Path) -> Path:
    drive, _, rest = image.name.partition("_image_")
    path = home / "groundtruth_depth" / f"{drive}_groundtruth_depth_{rest}"
    return require_file(path, f"the depth of {image.name}")


def _times(images: list[Path]) -> np.ndarray:
    """From the frame numbers in the names, where all have one; else by order."""
    parts = [_SINGLE.fullmatch(path.stem) for path in images]
    numbers = [int(match["frame"]) for match in parts if match]
    return np.array(numbers if len(numbers) == len(images) else range(len(images))) / FRAME_RATE


def _intrinsics(home: Path, images: list[Path]) -> Intrinsics | None:
    """The camera of the first image, which is that of the whole drive; None without the folder."""
    if not (home / "intrinsics").is_dir():
        return None
    path = require_file(home / "intrinsics" / f"{images[0].stem}.txt", "the image's camera matrix")
    try:
        K = np.array(read_text(path).split(), np.float64).reshape(3, 3)
    except ValueError as error:
        raise InputError(f"{path}: expected a camera matrix of 9 numbers: {error}") from error
    return pinhole((K[0, 0], K[1, 1], K[0, 2], K[1, 2]), first_size(images), path)
