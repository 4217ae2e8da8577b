"""Folders as the published pre-processing of CUT3R and its relatives leaves them.

A scene is a folder of images with depth and cameras, of one of four layouts; where a data set keeps
a name of its own, the table below says so. Section 7.8 of the training specification.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import cv2
import numpy as np

from mapper.core.geometry import pose
from mapper.errors import InputError
from mapper.train.data.scene import NO_ARRAYS, View, checked, read_arrays

POSES: Final = ("pose", "camera_pose", "cam2world")
CAMERAS: Final = ("intrinsics", "intrinsic", "camera_intrinsics")
MILLIMETRES: Final = 1000.0
LARGEST_UINT16: Final = 65535.0
OTHER_SHAPE: Final = 0.05  # share by which sides differ in their ratio


@dataclass(frozen=True, slots=True)
class Layout:
    """Where the parts of a view lie in a scene's folder. images: pattern of all. depth, camera:
    path of an image's, given its own. depth_scale: units of a stored depth in a metre, 0 = the
    camera's file says what the largest is worth. sky, outliers: folders of masks, or none."""

    name: str
    images: str
    depth: Callable[[Path], Path]
    camera: Callable[[Path], Path]
    depth_scale: float = 1.0
    sky: str = ""
    outliers: str = ""


def _beside(folder: str, ending: str) -> Callable[[Path], Path]:
    return lambda image: image.parent.parent / folder / f"{image.stem}{ending}"


def _instead(last: str, ending: str) -> Callable[[Path], Path]:
    return lambda image: image.with_name(image.stem.removesuffix(last) + ending)


LAYOUTS: Final = (
    Layout("ScanNet", "color/*", _beside("depth", ".png"), _beside("cam", ".npz"), MILLIMETRES),
    Layout(
        "most others", "rgb/*", _beside("depth", ".npy"), _beside("cam", ".npz"),
        sky="sky_mask", outliers="outlier_mask",
    ),
    Layout("TartanAir", "*_rgb.png", _instead("_rgb", "_depth.npy"), _instead("_rgb", "_cam.npz")),
    Layout(
        "CO3D", "images/*.jpg", _beside("depths", ".jpg.geometric.png"), _instead("", ".npz"), 0.0
    ),
)  # fmt: skip


class ProcessedScene:
    """A scene's folder. cameras_alone: it has no depth, which counts as 1 everywhere."""

    def __init__(self, layout: Layout, images: list[Path], cameras_alone: bool = False) -> None:
        self.layout, self.images, self.cameras_alone = layout, images, cameras_alone

    def __len__(self) -> int:
        return len(self.images)

    def view(self, index: int) -> View:
        """One of its images. Raises InputError with the file that is missing or broken."""
        path = self.images[index]
        stored = _camera(self.layout.camera(path))
        image = cv2.imread(str(path), cv2.IMREAD_COLOR)
        if image is None:
            raise InputError(f"{path}: no image")
        if self.cameras_alone:
            depth = np.ones(image.shape[:2], np.float32)
        else:
            depth = self._depth(path, stored)
        if image.shape[:2] != depth.shape:
            _refuse_other_shape(image.shape, depth.shape, self.layout.depth(path))
            image = cv2.resize(image, depth.shape[::-1], interpolation=cv2.INTER_AREA)
        K = _named(stored, CAMERAS, self.layout.camera(path))
        T = _pose(stored, path, self)
        return checked(View(np.ascontiguousarray(image[..., ::-1]), depth, T, K), path)

    def _depth(self, image: Path, camera: Mapping[str, np.ndarray]) -> np.ndarray:
        """float32, 0 where there is no reading, -1 in the sky."""
        path = self.layout.depth(image)
        if not path.is_file():
            raise InputError(f"{path}: expected the depth of {image.name}")
        if path.suffix == ".npy":
            depth = _array(path)
        else:
            read = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
            if read is None or read.ndim != 2:
                raise InputError(f"{path}: no depth image")
            scale = self.layout.depth_scale
            if not scale:
                largest = _named(camera, ("maximum_depth",), self.layout.camera(image))
                if not (largest.size == 1 and np.isfinite(largest).all() and largest > 0):
                    raise InputError(f"{self.layout.camera(image)}: maximum_depth is not above 0")
                scale = LARGEST_UINT16 / float(largest)
            depth = read.astype(np.float32) / np.float32(scale)
        depth = np.nan_to_num(depth, nan=0.0, posinf=0.0, neginf=0.0)
        scene = image.parent.parent
        for folder, value in ((self.layout.outliers, 0.0), (self.layout.sky, -1.0)):
            mask = scene / folder / f"{image.stem}.png"
            if folder and mask.is_file():
                marked = cv2.imread(str(mask), cv2.IMREAD_GRAYSCALE)
                if marked is None or marked.shape != depth.shape:
                    raise InputError(f"{mask}: expected a mask of {depth.shape[::-1]} pixels")
                depth = np.where(marked > 0, np.float32(value), depth)
        return depth


def processed_scenes(folder: Path, cameras_alone: bool = False) -> Iterator[ProcessedScene]:
    """All scenes in a folder and those below it, by name; frames without a finite pose are left
    out."""
    for below in sorted(path for path in (folder, *folder.rglob("*")) if path.is_dir()):
        for layout in LAYOUTS:
            images = sorted(below.glob(layout.images))
            with_cameras = [path for path in images if layout.camera(path).is_file()]
            found = [path for path in with_cameras if _has_pose(layout.camera(path))]
            if found:
                yield ProcessedScene(layout, found, cameras_alone)


def _array(path: Path) -> np.ndarray:
    """A depth, float32 (H, W)."""
    try:
        depth = np.load(path, allow_pickle=False)
        if not isinstance(depth, np.ndarray) or depth.ndim != 2 or depth.dtype.kind not in "fiu":
            raise ValueError("expected numbers (H, W)")
    except NO_ARRAYS as error:
        raise InputError(f"{path}: no depth ({error})") from error
    return depth.astype(np.float32)


def _refuse_other_shape(image: tuple[int, ...], depth: tuple[int, ...], path: Path) -> None:
    """An image may be larger than its depth, not of another form."""
    if abs(image[0] * depth[1] / (image[1] * depth[0]) - 1) > OTHER_SHAPE:
        raise InputError(
            f"{path}: depth of {depth[1]}x{depth[0]} for an image of {image[1]}x{image[0]}: "
            "expected one of the same form"
        )


def _camera(path: Path) -> dict[str, np.ndarray]:
    return read_arrays(path)


def _has_pose(path: Path) -> bool:
    stored = _camera(path)
    parts = [stored[name] for name in (*POSES, "R_cam2world", "t_cam2world") if name in stored]
    return bool(parts) and all(np.isfinite(part).all() for part in parts)


def _pose(stored: Mapping[str, np.ndarray], image: Path, scene: ProcessedScene) -> np.ndarray:
    if "R_cam2world" in stored:
        where = scene.layout.camera(image)
        R, t = (_named(stored, (name,), where) for name in ("R_cam2world", "t_cam2world"))
        if R.shape != (3, 3) or t.size != 3:
            raise InputError(f"{where}: expected R_cam2world (3, 3) and t_cam2world (3,)")
        return pose(R, t.ravel())
    return _named(stored, POSES, scene.layout.camera(image))


def _named(stored: Mapping[str, np.ndarray], names: tuple[str, ...], path: Path) -> np.ndarray:
    for name in names:
        if name in stored:
            return stored[name].astype(np.float64)
    raise InputError(f"{path}: expected one of {', '.join(names)}, found {', '.join(stored)}")
