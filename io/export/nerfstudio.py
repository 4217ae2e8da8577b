"""Maps as Nerfstudio data sets: transforms.json, images and a point cloud."""

from __future__ import annotations

import json
import re
from pathlib import Path, PurePosixPath
from typing import Any, Final

import numpy as np

from mapper.core.intrinsics import Intrinsics
from mapper.core.mesh import Mesh
from mapper.io.export.images import (
    DEPTH_UNIT,
    IMAGE_FILES,
    MASK_FILES,
    depth_of,
    mask_name,
    write_depth_png,
    write_images,
)
from mapper.io.export.scene import ExportedImage, Scene
from mapper.io.meshes.mesh_files import write_mesh
from mapper.runtime.atomic_files import atomic_folder, atomic_write

POSES: Final = "transforms.json"
CLOUD: Final = "points.ply"
FILES: Final = re.compile(
    rf"{IMAGE_FILES.pattern}|{MASK_FILES.pattern}|depths/(.+/)?frame_\d+(_\w+)?\.png"
    r"|transforms\.json|points\.ply|crs\.json"
)
PIXEL_CENTER: Final = 0.5  # the first pixel's centre in Nerfstudio; 0 with us
# Camera axes of OpenGL (x right, y up, z backward) and of OpenCV, either to the other.
FLIP: Final = np.diag([1.0, -1.0, -1.0, 1.0])


def export_nerfstudio(folder: Path | str, scene: Scene, *, overwrite: bool = False) -> Path:
    """Write a new folder with transforms.json, images/ and points.ply.

    Where there are any: masks/NAME.png and depths/NAME.png in steps of DEPTH_UNIT. overwrite:
    replace an earlier one, whose files are named as in FILES. The world frame is kept, for poses
    and points, so that there is no applied_transform. Format: Nerfstudio's documentation, "Data
    conventions".
    """
    document: dict[str, Any] = {"camera_model": "OPENCV", "ply_file_path": CLOUD}
    cameras = {image.intrinsics for image in scene.images}
    if len(cameras) == 1:
        document |= _camera(scene.images[0].intrinsics)
    if any(image.depth is not None for image in scene.images):
        document["depth_unit_scale_factor"] = DEPTH_UNIT
    document["frames"] = [_frame(image) for image in scene.images]
    with atomic_folder(folder, FILES if overwrite else None) as target:
        write_images(target, scene)
        for image in scene.images:
            if image.depth is not None:
                write_depth_png(target / _depth_name(image), depth_of(image))
        write_mesh(target / CLOUD, _points(scene))
        with atomic_write(target / POSES) as file:
            json.dump(document, file, indent=1)
    return Path(folder)


def _camera(intrinsics: Intrinsics) -> dict[str, float]:
    return {
        "fl_x": intrinsics.fx,
        "fl_y": intrinsics.fy,
        "cx": intrinsics.cx + PIXEL_CENTER,
        "cy": intrinsics.cy + PIXEL_CENTER,
        "w": intrinsics.width,
        "h": intrinsics.height,
    }


def _frame(image: ExportedImage) -> dict[str, Any]:
    frame: dict[str, Any] = {
        "file_path": f"images/{image.name}",
        "transform_matrix": (image.T_world_camera @ FLIP).tolist(),
        **_camera(image.intrinsics),
    }
    if image.depth is not None:
        frame["depth_file_path"] = _depth_name(image)
    if image.mask is not None:
        frame["mask_path"] = mask_name(image)
    return frame


def _depth_name(image: ExportedImage) -> str:
    return f"depths/{PurePosixPath(image.name).with_suffix('.png')}"


def _points(scene: Scene) -> Mesh:
    """The vertices alone: points with tracks where there are any, else the cloud."""
    no_faces = np.zeros((0, 3), np.int32)
    if scene.tracked is None:
        cloud = scene.cloud
        return Mesh(cloud.vertices, no_faces, cloud.colors, cloud.normals)
    positions = scene.tracked.xyz.astype(np.float32)
    return Mesh(positions, no_faces, scene.tracked.rgb, np.zeros_like(positions))
