"""Cameras of a glTF scene see what the map's cameras saw."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from mapper.core.geometry import inverse, pose, transform
from mapper.core.intrinsics import Intrinsics
from mapper.core.mesh import Mesh
from mapper.io.meshes.glb import write_glb
from mapper.io.meshes.glb_cameras import GlbCamera
from tests.support.exports import read_glb

LENS = Intrinsics(500.0, 480.0, 319.5, 239.5, 640, 480)
TRIANGLE = Mesh(
    np.array([[0, 0, 2], [1, 0, 2], [0, 1, 2]], np.float32),
    np.array([[0, 1, 2]], np.int32),
    np.zeros((3, 3), np.uint8),
    np.tile(np.array([0, 0, -1], np.float32), (3, 1)),
)


def _matrix(node: dict) -> np.ndarray:
    rotation = Rotation.from_quat(node["rotation"]).as_matrix()
    return pose(rotation, np.array(node.get("translation", [0, 0, 0])))


def test_a_point_is_seen_where_it_was(tmp_path: Path) -> None:
    """By glTF's own rules: nodes multiplied from the root, the camera looks along -z, y is up."""
    T = pose(Rotation.from_euler("xyz", [0.3, -0.5, 0.1]).as_matrix(), np.array([0.1, 0.2, -0.3]))
    write_glb(tmp_path / "scene.glb", TRIANGLE, [GlbCamera("keyframe 7", T, LENS)])
    document, _ = read_glb(tmp_path / "scene.glb")
    root, node = document["nodes"]
    assert root["children"] == [1] and document["scenes"][0]["nodes"] == [0]
    assert node["name"] == "keyframe 7" and node["camera"] == 0
    lens = document["cameras"][0]["perspective"]
    seen = transform(T, np.array([[0.4, -0.3, 2.0]]))  # a point of the map
    shown = transform(_matrix(root), seen)  # where glTF's scene has it
    x, y, z = transform(inverse(_matrix(root) @ _matrix(node)), shown)[0]
    high = np.tan(lens["yfov"] / 2)
    right, up = x / -z / (high * lens["aspectRatio"]), y / -z / high  # -1 to 1 over the image
    assert (right + 1) / 2 * LENS.width - 0.5 == pytest.approx(0.4 / 2 * LENS.fx + LENS.cx)
    assert (1 - up) / 2 * LENS.height - 0.5 == pytest.approx(-0.3 / 2 * LENS.fy + LENS.cy)


def test_a_mesh_without_vertices_has_no_cameras(tmp_path: Path) -> None:
    empty = Mesh(
        *(array[:0] for array in (TRIANGLE.vertices, TRIANGLE.faces)),
        *[array[:0] for array in (TRIANGLE.colors, TRIANGLE.normals)],
    )
    write_glb(tmp_path / "scene.glb", empty, [GlbCamera("keyframe 0", np.eye(4), LENS)])
    assert read_glb(tmp_path / "scene.glb")[0]["scenes"] == [{}]
