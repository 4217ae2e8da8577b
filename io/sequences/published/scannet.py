"""ScanNet v2: one scan, packed in a .sens or exported.

    scene0707_00.sens, or a folder with it
    scene0707_00/color/0.jpg, depth/0.png, pose/0.txt, intrinsic/intrinsic_color.txt

Poses: T_world_camera, OpenCV axes, metres, by BundleFusion, which the dataset's evaluations take
for the truth; a lost frame holds -inf. Depth: 16 bit, 1000 units a metre, 640x480 in the view of
colour, 1296x968, by a Structure sensor. 30 frames a second. The benchmarks read the camera by the
function below. Source: Dai et al., "ScanNet", CVPR 2017, github.com/ScanNet/ScanNet (SensReader).
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from mapper.core.intrinsics import Intrinsics
from mapper.errors import InputError
from mapper.io.cameras.camera import Camera, pinhole
from mapper.io.sequences.captures.capture import CaptureSequence, Recorded, open_capture
from mapper.io.sequences.captures.frame_source import StoredFrames
from mapper.io.sequences.image_files import first_size, list_images
from mapper.io.sequences.published.sens import SUFFIX, Scan, open_scan, read_color, read_depth
from mapper.io.sequences.truth_files import read_matrices
from mapper.io.text_files import read_text

FRAME_RATE = 30.0  # 1/s
DEPTH_SCALE = 1000.0  # units per metre of the export
INTRINSICS = Path("intrinsic") / "intrinsic_color.txt"


@dataclass(frozen=True, slots=True)
class _PackedFrames:
    """See mapper.io.sequences.captures.frame_source.FrameSource."""

    path: Path
    has_depth: bool = True

    def color(self, index: int) -> np.ndarray:
        return read_color(self.path / "color" / str(index))

    def depth(self, index: int) -> np.ndarray:
        return read_depth(self.path / "depth" / str(index))

    def files(self, index: int) -> tuple[Path, ...]:
        return (self.path,)

    def close(self) -> None:
        """Nothing stays open."""


def is_scannet(path: Path) -> bool:
    """Whether a path is a packed scan, or a folder with one, or an exported scan."""
    exported = all((path / name).is_dir() for name in ("color", "pose", "intrinsic"))
    return exported or _packed(path) is not None


def scannet_name(path: Path) -> str:
    """Like scene0707_00."""
    path = path.resolve()
    return path.stem if path.is_file() else path.name


def open_scannet(
    path: Path, calibration: Path | None = None, registration: str = "auto"
) -> CaptureSequence:
    """One scan; the export goes before the packed one."""
    path = path.resolve()
    packed = None if (path / "color").is_dir() else _packed(path)
    found = _exported(path) if packed is None else _of_scan(open_scan(packed), path)
    return open_capture(found, scannet_name(path), calibration, registration)


def read_camera(path: Path, size: tuple[int, int]) -> Intrinsics:
    """Of intrinsic_color.txt, 3x3 or 4x4. size: (width, height) of the images."""
    try:
        numbers = np.array(read_text(path).split(), np.float64)
        K = numbers.reshape(3, 3) if numbers.size == 9 else numbers.reshape(4, 4)
    except ValueError as error:
        raise InputError(f"{path}: expected a camera matrix 4x4: {error}") from error
    fx, fy, cx, cy = (float(value) for value in (K[0, 0], K[1, 1], K[0, 2], K[1, 2]))
    return pinhole((fx, fy, cx, cy), size, path)


def _packed(path: Path) -> Path | None:
    if path.is_file():
        return path if path.suffix.lower() == SUFFIX else None
    scans = sorted(path.glob(f"*{SUFFIX}")) if path.is_dir() else []
    return scans[0] if len(scans) == 1 else None


def _of_scan(scan: Scan, path: Path) -> Recorded:
    return Recorded(
        kind="scannet",
        path=path,
        timestamps=np.arange(len(scan)) / FRAME_RATE,
        source=_PackedFrames(scan.path),
        cameras=[Camera(scan.intrinsics)] * len(scan),
        poses=scan.T_world_camera,
        poses_path=scan.path,
        camera_kind="structured-light",
    )


def _exported(path: Path) -> Recorded:
    images = list_images(path / "color")
    if not images:
        raise InputError(f"{path / 'color'}: no images; is the export complete?")
    depths = [path / "depth" / f"{image.stem}.png" for image in images]
    there = [depth.is_file() for depth in depths]
    kept = [i for i, is_there in enumerate(there) if is_there] or list(range(len(images)))
    left_out = len(images) - len(kept)
    camera = read_camera(path / INTRINSICS, first_size(images, as_stored=True))
    poses, faults = _poses([path / "pose" / f"{images[i].stem}.txt" for i in kept])
    return Recorded(
        kind="scannet",
        path=path,
        timestamps=np.array(kept) / FRAME_RATE,
        source=StoredFrames(
            tuple(images[i] for i in kept),
            tuple(depths[i] for i in kept) if any(there) else (),
            DEPTH_SCALE,
        ),
        cameras=[Camera(camera)] * len(kept),
        poses=poses,
        poses_path=path / "pose",
        camera_kind="structured-light",
        notes=((f"{left_out} images have no depth: left out",) if left_out else ()) + faults,
    )


def _poses(files: list[Path]) -> tuple[np.ndarray, tuple[str, ...]]:
    """float64 (N, 4, 4), NaN where a file is missing or at fault, and a sentence about those."""
    poses = np.full((len(files), 4, 4), np.nan)
    faults = []
    for pose, file in zip(poses, files, strict=True):
        try:
            pose[:] = read_matrices(file, 1)[0]
        except InputError as error:
            faults.append(str(error))
    if not faults:
        return poses, ()
    return poses, (f"{len(faults)} poses are left out, the first: {faults[0]}",)
