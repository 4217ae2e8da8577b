"""CO3D v2: the test sequences of `fewview_dev`, from the prepared lists or the download itself.

    ROOT/[annotations/]apple_test.jgz       {sequence: [{filepath, R, T, focal_length, ...}]}
    ROOT/apple/frame_annotations.jgz        [{sequence_name, frame_number, image, depth, mask,
                                              viewpoint}]
    ROOT/apple/sequence_annotations.jgz     [{sequence_name, viewpoint_quality_score}]
    ROOT/apple/set_lists/set_lists_fewview_dev.json      {"test": [[sequence, frame, path]]}
    ROOT/apple/110_13051_23361/images/frame000001.jpg, depths/frame000001.jpg.geometric.png, masks/

.jgz is JSON in gzip; paths in it start at ROOT. A prepared list goes before the download; from the
download come the sequences whose viewpoint_quality_score exceeds 0.5, as the lists are made.

PyTorch3D cameras: x_camera = x_world R + T (rows) with x left, y up, z forward; T_camera_world is
diag(-1, -1, 1) [R^T | T] in OpenCV axes. The unit is that of each structure from motion, not the
metre. A translation whose components add up to over 1e5 marks a failed reconstruction: InputError.
Intrinsics in normalised coordinates: `ndc_isotropic` (version 2: half the shorter side is 1) or
`ndc_norm_image_bounds`; pixel centres are brought from half to whole numbers. Depth (download
only): pixels of the 16-bit PNG are the bits of float16, times the frame's scale_adjustment. masks
mark the object (255). The files' times are not used: frames count 30/s.
Source: Reizenstein et al., "Common objects in 3D", ICCV 2021, github.com/facebookresearch/co3d;
vggt_evaluation, section 6.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from mapper.core.geometry import inverse
from mapper.core.intrinsics import Intrinsics
from mapper.errors import InputError
from mapper.io.datasets.co3d_annotations import Annotations, listed_names, open_annotations
from mapper.io.datasets.dataset import BenchSequence
from mapper.io.datasets.layout import require_file, subfolders
from mapper.io.sequences.decode import decode_raw_depth, depth_in_metres, read_bytes
from mapper.io.sequences.image_files import first_size
from mapper.io.sequences.truth_files import rigid_poses

FRAME_RATE = 30.0  # 1/s
LARGEST_TRANSLATION = 1e5  # of the sum of T's components
OPENCV_FROM_PYTORCH3D = np.diag([-1.0, -1.0, 1.0])


class ScaledDepth:
    """Reads the depth of one sequence: each file has a scale of its own."""

    def __init__(self, scales: dict[Path, float]) -> None:
        """scales: of every depth file, units of the reconstruction."""
        self.scales = scales

    def __call__(self, path: Path) -> np.ndarray:
        """float32 (H, W), units of the reconstruction, 0 = invalid."""
        return read_half_depth(path) * np.float32(self.scales[path])


def find(root: Path) -> list[str]:
    """Names such as apple/110_13051_23361."""
    categories = _categories(root)
    if not categories:
        raise InputError(
            f"{root}: no categories here; expected apple_test.jgz, annotations/apple_test.jgz or "
            "apple/frame_annotations.jgz"
        )
    return [
        f"{category}/{sequence}"
        for category in categories
        for sequence in listed_names(root, category)
    ]


def frame_count(root: Path, name: str) -> int:
    """Frames listed for a sequence; 0 of a failed reconstruction, which is never evaluated.

    Only the lists are looked at, so that frames can be drawn in the same way on every machine.
    """
    category, _, sequence = name.partition("/")
    annotations = open_annotations(root, category)
    frames = annotations.frames(sequence)
    try:
        failed = _is_failed(annotations.numbers(frames, "T", (3,)))
    except InputError:  # is told when the sequence is read
        failed = False
    return 0 if failed else len(frames)


def read(root: Path, name: str) -> BenchSequence:
    """One sequence of a category."""
    category, _, sequence = name.partition("/")
    annotations = open_annotations(root, category)
    frames = annotations.frames(sequence)
    if not frames:
        raise InputError(f"{annotations.path}: no frames of {sequence} in it; leave it out")
    images = [require_file(root / frame["filepath"], "the image listed") for frame in frames]
    depths, masks = (_listed(root, frames, key) for key in ("depth", "mask"))
    scales = [float(frame.get("scale_adjustment", 1.0)) for frame in frames]
    return BenchSequence(
        name=name,
        images=images,
        timestamps=np.arange(len(images)) / FRAME_RATE,
        T_world_camera=_poses(annotations, frames, name),
        depths=depths,
        read_depth=ScaledDepth(dict(zip(depths, scales, strict=True))) if depths else None,
        intrinsics=_intrinsics(annotations, frames, images),
        masks=masks,
    )


def _categories(root: Path) -> list[str]:
    lists = [*root.glob("*_test.jgz"), *(root / "annotations").glob("*_test.jgz")]
    folders = [f for f in subfolders(root) if (f / "frame_annotations.jgz").is_file()]
    return sorted({p.name.removesuffix("_test.jgz") for p in lists} | {f.name for f in folders})


def _listed(root: Path, frames: list[dict[str, Any]], key: str) -> list[Path] | None:
    """The depth or mask of every frame; None unless all have one."""
    paths = [frame.get(key) for frame in frames]
    if not all(paths):
        return None
    return [require_file(root / str(path), f"the {key} listed") for path in paths]


def _poses(annotations: Annotations, frames: list[dict[str, Any]], name: str) -> np.ndarray:
    """T_world_camera float64 (N, 4, 4)."""
    R = annotations.numbers(frames, "R", (3, 3))
    T = annotations.numbers(frames, "T", (3,))
    if _is_failed(T):
        raise InputError(f"{name}: a camera lies beyond 1e5 units; leave the sequence out")
    T_camera_world = np.concatenate([np.swapaxes(R, 1, 2), T[:, :, None]], axis=2)
    return inverse(rigid_poses(OPENCV_FROM_PYTORCH3D @ T_camera_world, annotations.path))


def _is_failed(T: np.ndarray) -> bool:
    return bool((T.sum(axis=1) > LARGEST_TRANSLATION).any())


def _intrinsics(
    annotations: Annotations, frames: list[dict[str, Any]], images: list[Path]
) -> Intrinsics | None:
    """None where the focal length or the principal point changes within the sequence."""
    focal = annotations.numbers(frames, "focal_length", (2,))
    centre = annotations.numbers(frames, "principal_point", (2,))
    if not (np.allclose(focal, focal[0]) and np.allclose(centre, centre[0])):
        return None
    size = first_size(images)
    half = np.array(size) / 2
    isotropic = frames[0].get("intrinsics_format", "ndc_isotropic") == "ndc_isotropic"
    pixels = half.min() if isotropic else half
    fx, fy = (focal[0] * pixels).tolist()
    cx, cy = (half - centre[0] * pixels - 0.5).tolist()
    return Intrinsics(fx, fy, cx, cy, *size)


def read_half_depth(path: Path) -> np.ndarray:
    """CO3D's depth before scaling: 16-bit PNG whose pixels are the bits of float16."""
    pixels = decode_raw_depth(read_bytes(path), path)
    if pixels.dtype != np.uint16:
        raise InputError(f"{path}: no readable 16-bit depth image; download the file again")
    return depth_in_metres(pixels.view(np.float16), 1.0, path)
