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
from mapper.core.trajectory import Trajectory
from mapper.io.export.images import image_names, write_images
from mapper.io.export.scene import Scene
from mapper.runtime.atomic_files import atomic_folder, atomic_write

MODEL: Final = Path("sparse") / "0"
FILES: Final = re.compile(r"images/frame_\d+\.(jpg|png)|sparse/0/(cameras|images|points3D)\.bin")
PINHOLE: Final = 1  # the model's number in COLMAP; its parameters are fx fy cx cy
CAMERA_ID: Final = 1
PIXEL_CENTER: Final = 0.5  # the first pixel's centre in COLMAP; 0 with us
POSE: Final = struct.Struct("<I7dI")  # image, quaternion wxyz, translation, camera
POINT: Final = np.dtype(
    [
        ("id", "<u8"),
        ("position", "<f8", 3),
        ("color", "u1", 3),
        ("error", "<f8"),
        ("track_length", "<u8"),
    ]
)
CHUNK: Final = 1 << 18  # points in memory at once


def export_colmap(
    folder: Path | str, scene: Scene, *, image_suffix: str = ".jpg", overwrite: bool = False
) -> Path:
    """Write a new folder with images/ and sparse/0/{cameras,images,points3D}.bin.

    overwrite: replace an earlier one, whose files are named as in FILES. The points are without
    tracks. Format: COLMAP's documentation, "Output Format".
    """
    names = image_names(len(scene.trajectory), image_suffix)
    with atomic_folder(folder, FILES if overwrite else None) as target:
        write_images(target / "images", names, scene.images, scene.intrinsics)
        model = target / MODEL
        model.mkdir(parents=True)
        _write_camera(model / "cameras.bin", scene.intrinsics)
        _write_poses(model / "images.bin", names, scene.trajectory)
        _write_points(model / "points3D.bin", scene.cloud)
    return Path(folder)


def _write_camera(path: Path, intrinsics: Intrinsics) -> None:
    parameters = (
        intrinsics.fx,
        intrinsics.fy,
        intrinsics.cx + PIXEL_CENTER,
        intrinsics.cy + PIXEL_CENTER,
    )
    size = (intrinsics.width, intrinsics.height)
    with atomic_write(path, "wb") as file:
        file.write(struct.pack("<QIi2Q4d", 1, CAMERA_ID, PINHOLE, *size, *parameters))


def _write_poses(path: Path, names: list[str], trajectory: Trajectory) -> None:
    T_camera_world = inverse(trajectory.T_world_camera)
    rotations = np.roll(pose_to_quaternion_xyzw(T_camera_world), 1, axis=1)
    translations = T_camera_world[:, :3, 3]
    with atomic_write(path, "wb") as file:
        file.write(struct.pack("<Q", len(names)))
        for index, name in enumerate(names):
            file.write(POSE.pack(index + 1, *rotations[index], *translations[index], CAMERA_ID))
            file.write(name.encode() + b"\0" + struct.pack("<Q", 0))


def _write_points(path: Path, cloud: Mesh) -> None:
    count = len(cloud.vertices)
    with atomic_write(path, "wb") as file:
        file.write(struct.pack("<Q", count))
        for start in range(0, count, CHUNK):
            part = slice(start, min(start + CHUNK, count))
            rows = np.zeros(part.stop - start, POINT)
            rows["id"] = np.arange(start, part.stop) + 1
            rows["position"], rows["color"] = cloud.vertices[part], cloud.colors[part]
            file.write(rows.tobytes())
