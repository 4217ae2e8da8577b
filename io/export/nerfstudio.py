"""Maps as Nerfstudio data sets: transforms.json, images and a point cloud."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Final

import numpy as np

from mapper.core.mesh import Mesh
from mapper.io.export.images import image_names, write_images
from mapper.io.export.scene import Scene
from mapper.io.meshes.mesh_files import write_mesh
from mapper.runtime.atomic_files import atomic_folder, atomic_write

POSES: Final = "transforms.json"
CLOUD: Final = "points.ply"
FILES: Final = re.compile(r"images/frame_\d+\.(jpg|png)|transforms\.json|points\.ply")
PIXEL_CENTER: Final = 0.5  # the first pixel's centre in Nerfstudio; 0 with us
# Camera axes of OpenGL (x right, y up, z backward) and of OpenCV, either to the other.
FLIP: Final = np.diag([1.0, -1.0, -1.0, 1.0])


def export_nerfstudio(
    folder: Path | str, scene: Scene, *, image_suffix: str = ".jpg", overwrite: bool = False
) -> Path:
    """Write a new folder with transforms.json, images/ and points.ply.

    overwrite: replace an earlier one, whose files are named as in FILES. The world frame is kept,
    for poses and points. Format: Nerfstudio's documentation, "Data conventions".
    """
    names = image_names(len(scene.trajectory), image_suffix)
    intrinsics, cloud = scene.intrinsics, scene.cloud
    camera = {
        "fl_x": intrinsics.fx,
        "fl_y": intrinsics.fy,
        "cx": intrinsics.cx + PIXEL_CENTER,
        "cy": intrinsics.cy + PIXEL_CENTER,
        "w": intrinsics.width,
        "h": intrinsics.height,
    }
    frames = [
        {"file_path": f"images/{name}", "transform_matrix": T.tolist(), **camera}
        for name, T in zip(names, scene.trajectory.T_world_camera @ FLIP, strict=True)
    ]
    document = {"camera_model": "OPENCV", **camera, "ply_file_path": CLOUD, "frames": frames}
    points = Mesh(cloud.vertices, np.zeros((0, 3), np.int32), cloud.colors, cloud.normals)
    with atomic_folder(folder, FILES if overwrite else None) as target:
        write_images(target / "images", names, scene.images, scene.intrinsics)
        write_mesh(target / CLOUD, points)
        with atomic_write(target / POSES) as file:
            json.dump(document, file, indent=1)
    return Path(folder)
