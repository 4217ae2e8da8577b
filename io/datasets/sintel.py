"""MPI Sintel, the training part with the archive of depth and cameras merged into it.

    ROOT/training/final/alley_1/frame_0001.png          1024x436
    ROOT/training/camdata_left/alley_1/frame_0001.cam
    ROOT/training/depth/alley_1/frame_0001.dpt

.cam: float32 tag 202021.25, then float64, little-endian: K (3x3) and [R | t] (3x4), row by row.
[R | t] maps world to camera in OpenCV axes; T_world_camera is its inverse. Units are the film's,
read as metres; the sky is tens of kilometres away. Depth is z. Film rate 24/s; file numbers start
at 1. Without camdata_left or depth a sequence has no poses or no depth.
Source: Butler et al., "A naturalistic open source movie for optical flow evaluation", ECCV 2012,
sintel.is.tue.mpg.de, and the archive's sdk; cut3r_evaluation, sections A and B.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from mapper.core.geometry import inverse
from mapper.core.intrinsics import Intrinsics
from mapper.errors import InputError
from mapper.io.cameras.camera import pinhole
from mapper.io.datasets.dataset import BenchSequence
from mapper.io.datasets.layout import require_file, require_images, sequence_names
from mapper.io.sequences.decode import depth_in_metres, read_bytes
from mapper.io.sequences.image_files import first_size
from mapper.io.sequences.truth_files import rigid_poses

FRAME_RATE = 24.0  # 1/s
TAG = np.float32(202021.25)  # spells PIEH; wrong on machines of the other byte order
_CAMERA = np.dtype([("tag", "<f4"), ("K", "<f8", (3, 3)), ("T_camera_world", "<f8", (3, 4))])


def find(root: Path) -> list[str]:
    """The sequences, 23 in the full dataset."""
    return sequence_names(
        root / "training" / "final",
        "folders like training/final/alley_1 below the root",
        lambda folder: True,
    )


def read(root: Path, name: str) -> BenchSequence:
    """One sequence of the final pass."""
    training = root / "training"
    images = require_images(training / "final" / name, "images frame_0001.png")
    depths = _beside(images, training / "depth", name, ".dpt", "Sintel's depth")
    cameras = _beside(images, training / "camdata_left", name, ".cam", "Sintel's camera")
    T_world_camera, intrinsics = None, None
    if cameras is not None:
        records = np.concatenate([_read_camera(path) for path in cameras])
        T_camera_world = rigid_poses(records["T_camera_world"], cameras[0])
        T_world_camera = inverse(T_camera_world)
        intrinsics = _one_camera(records["K"], first_size(images), cameras[0])
    return BenchSequence(
        name=name,
        images=images,
        timestamps=np.arange(1, len(images) + 1) / FRAME_RATE,
        T_world_camera=T_world_camera,
        depths=depths,
        read_depth=read_dpt if depths else None,
        intrinsics=intrinsics,
        masks=None,
    )


def _beside(
    images: list[Path], folder: Path, name: str, suffix: str, what: str
) -> list[Path] | None:
    """The file of every image in another archive; None if that archive is not there at all."""
    if not folder.is_dir():
        return None
    return [require_file(folder / name / f"{p.stem}{suffix}", what) for p in images]


def _read_camera(path: Path) -> np.ndarray:
    """(1,) record of _CAMERA."""
    encoded = read_bytes(path)
    if len(encoded) != _CAMERA.itemsize:
        raise InputError(
            f"{path}: {len(encoded)} bytes, a Sintel camera has {_CAMERA.itemsize}; download again"
        )
    record = np.frombuffer(encoded, _CAMERA)
    if record["tag"][0] != TAG:
        raise InputError(f"{path}: no Sintel camera (its tag is missing); download it again")
    return record


def _one_camera(K: np.ndarray, size: tuple[int, int], path: Path) -> Intrinsics | None:
    """Of matrices (N, 3, 3); None where the focal length changes within the sequence."""
    if not np.allclose(K, K[0]):
        return None
    return pinhole((K[0, 0, 0], K[0, 1, 1], K[0, 0, 2], K[0, 1, 2]), size, path)


def read_dpt(path: Path) -> np.ndarray:
    """float32 (H, W) metres: tag, int32 width and height, then float32 pixels row by row."""
    encoded = read_bytes(path)
    head = np.frombuffer(encoded[:12], "<i4")
    if len(head) < 3 or head[:1].view("<f4")[0] != TAG:
        raise InputError(f"{path}: no Sintel depth file (its tag is missing); download it again")
    width, height = int(head[1]), int(head[2])
    if min(width, height) <= 0 or len(encoded) != 12 + 4 * width * height:
        raise InputError(
            f"{path}: {len(encoded)} bytes do not hold {width}x{height} pixels; the file is cut "
            "short, download it again"
        )
    depth = np.frombuffer(encoded, "<f4", offset=12).reshape(height, width)
    return depth_in_metres(depth, 1.0, path)
