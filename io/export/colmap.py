"""Maps as COLMAP models: cameras, poses and points that splatting and MVS tools start from."""

from __future__ import annotations

import re
import struct
from pathlib import Path
from typing import Final

import numpy as np

from mapper.core.geometry import inverse, pose_to_quaternion_xyzw
from mapper.core.intrinsics import Intrinsics
from mapper.core.mesh import Mesh
from mapper.io.export.images import IMAGE_FILES, MASK_FILES, depth_of, write_images
from mapper.io.export.scene import Scene, TrackedPoints, distinct_cameras
from mapper.runtime.atomic_files import atomic_folder, atomic_write

MODEL: Final = Path("sparse") / "0"
DEPTH: Final = Path("stereo") / "depth_maps"
FILES: Final = re.compile(
    rf"{IMAGE_FILES.pattern}|{MASK_FILES.pattern}|sparse/0/(cameras|images|points3D)\.bin"
    r"|stereo/depth_maps/.+\.geometric\.bin|crs\.json"
)
PINHOLE: Final = 1  # the model's number in COLMAP; its parameters are fx fy cx cy
PIXEL_CENTER: Final = 0.5  # the first pixel's centre in COLMAP; 0 with us
CAMERA: Final = struct.Struct("<Ii2Q4d")  # number, model, width, height, parameters
POSE: Final = struct.Struct("<I7dI")  # image, quaternion wxyz, translation, camera
SEEN: Final = np.dtype([("xy", "<f8", 2), ("point", "<u8")])
POINT: Final = np.dtype(
    [
        ("id", "<u8"),
        ("position", "<f8", 3),
        ("color", "u1", 3),
        ("error", "<f8"),
        ("track_length", "<u8"),
    ]
)
TRACK: Final = np.dtype([("image", "<u4"), ("place", "<u4")])
CHUNK: Final = 1 << 18  # points in memory at once


def export_colmap(folder: Path | str, scene: Scene, *, overwrite: bool = False) -> Path:
    """Write a new folder with images/ and sparse/0/{cameras,images,points3D}.bin.

    Where there are any: masks/NAME.png and stereo/depth_maps/NAME.geometric.bin. overwrite:
    replace an earlier one, whose files are named as in FILES. Points are those with tracks, else
    the cloud, without. Format: COLMAP's documentation, "Output Format".
    """
    cameras, places = distinct_cameras(scene)
    with atomic_folder(folder, FILES if overwrite else None) as target:
        write_images(target, scene)
        _write_depth(target / DEPTH, scene)
        model = target / MODEL
        model.mkdir(parents=True)
        _write_cameras(model / "cameras.bin", cameras)
        _write_poses(model / "images.bin", scene, places)
        if scene.tracked is None:
            _write_cloud(model / "points3D.bin", scene.cloud)
        else:
            _write_tracked(model / "points3D.bin", scene.tracked)
    return Path(folder)


def _write_depth(folder: Path, scene: Scene) -> None:
    """COLMAP's layout: width&height&channels& as text, then float32, row by row."""
    for image in scene.images:
        if image.depth is None:
            continue
        depth = depth_of(image)
        path = folder / f"{image.name}.geometric.bin"
        path.parent.mkdir(parents=True, exist_ok=True)
        header = f"{depth.shape[1]}&{depth.shape[0]}&1&".encode()
        path.write_bytes(header + np.ascontiguousarray(depth, "<f4").tobytes())


def _write_cameras(path: Path, cameras: list[Intrinsics]) -> None:
    with atomic_write(path, "wb") as file:
        file.write(struct.pack("<Q", len(cameras)))
        for number, c in enumerate(cameras, start=1):
            centre = c.cx + PIXEL_CENTER, c.cy + PIXEL_CENTER
            file.write(CAMERA.pack(number, PINHOLE, c.width, c.height, c.fx, c.fy, *centre))


def _write_poses(path: Path, scene: Scene, cameras: list[int]) -> None:
    T_camera_world = inverse(np.array([image.T_world_camera for image in scene.images]))
    rotations = np.roll(pose_to_quaternion_xyzw(T_camera_world), 1, axis=1)
    translations = T_camera_world[:, :3, 3]
    with atomic_write(path, "wb") as file:
        file.write(struct.pack("<Q", len(scene.images)))
        for index, image in enumerate(scene.images):
            pose = *rotations[index], *translations[index]
            file.write(POSE.pack(index + 1, *pose, cameras[index] + 1))
            file.write(image.name.encode() + b"\0")
            seen = _seen_in(scene.tracked, index)
            file.write(struct.pack("<Q", len(seen)) + seen.tobytes())


def _seen_in(tracked: TrackedPoints | None, image: int) -> np.ndarray:
    """SEEN (K,): what an image sees of the points, in the order of the observations."""
    if tracked is None:
        return np.zeros(0, SEEN)
    rows = np.flatnonzero(tracked.image == image)
    seen = np.zeros(len(rows), SEEN)
    seen["xy"], seen["point"] = tracked.xy[rows] + PIXEL_CENTER, tracked.point[rows] + 1
    return seen


def _write_tracked(path: Path, tracked: TrackedPoints) -> None:
    order = np.argsort(tracked.image, kind="stable")
    starts = np.searchsorted(tracked.image[order], tracked.image[order])
    track = np.zeros(len(order), TRACK)
    track["image"] = tracked.image + 1
    track["place"][order] = np.arange(len(order)) - starts  # within the image's list
    rows = _point_rows(0, tracked.xyz, tracked.rgb)
    bounds = np.searchsorted(tracked.point, np.arange(len(rows) + 1))
    rows["error"], rows["track_length"] = tracked.errors, np.diff(bounds)
    with atomic_write(path, "wb") as file:
        file.write(struct.pack("<Q", len(rows)))
        for number in range(len(rows)):
            file.write(rows[number].tobytes())
            file.write(track[bounds[number] : bounds[number + 1]].tobytes())


def _write_cloud(path: Path, cloud: Mesh) -> None:
    count = len(cloud.vertices)
    with atomic_write(path, "wb") as file:
        file.write(struct.pack("<Q", count))
        for start in range(0, count, CHUNK):
            part = slice(start, min(start + CHUNK, count))
            file.write(_point_rows(start, cloud.vertices[part], cloud.colors[part]).tobytes())


def _point_rows(start: int, positions: np.ndarray, colors: np.ndarray) -> np.ndarray:
    """POINT (N,), numbered from start + 1, without tracks."""
    rows = np.zeros(len(positions), POINT)
    rows["id"] = np.arange(start, start + len(positions)) + 1
    rows["position"], rows["color"] = positions, colors
    return rows
