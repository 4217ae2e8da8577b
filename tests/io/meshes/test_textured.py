"""Textured meshes, read by another reader."""

from __future__ import annotations

import json
import struct
from pathlib import Path

import cv2
import numpy as np
import pytest

from mapper.core.mesh import TexturedMesh
from mapper.errors import ConfigError
from mapper.io.meshes.textured import textured_files, write_textured
from mapper.runtime.open3d_loader import load_open3d


def square() -> TexturedMesh:
    """A unit square; its texture is red above, green below."""
    vertices = np.array([[0, 0, 1], [1, 0, 1], [1, 1, 1], [0, 1, 1]], np.float32)
    faces = np.array([[0, 2, 1], [0, 3, 2]], np.int32)
    normals = np.tile(np.array([0, 0, -1], np.float32), (4, 1))
    texture = np.zeros((8, 16, 3), np.uint8)
    texture[:4, :, 0], texture[4:, :, 1] = 255, 255
    return TexturedMesh(vertices, faces, normals, vertices[:, :2].copy(), texture)


def test_an_obj_is_read_with_its_texture_upright(tmp_path: Path) -> None:
    path = tmp_path / "room.obj"
    write_textured(path, square())
    assert sorted(p.name for p in tmp_path.iterdir()) == ["room.mtl", "room.obj", "room.png"]
    mesh = load_open3d().io.read_triangle_mesh(str(path))
    corners = np.asarray(mesh.vertices)[np.asarray(mesh.triangles)].reshape(-1, 3)
    v = np.asarray(mesh.triangle_uvs)[:, 1]
    assert np.allclose(v, 1 - corners[:, 1], atol=1e-5)  # an OBJ's v begins at the bottom
    picture = cv2.imread(str(tmp_path / "room.png"))
    assert picture is not None and picture[0, 0].tolist() == [0, 0, 255]
    assert "map_Kd room.png" in (tmp_path / "room.mtl").read_text()


def test_a_glb_holds_all_in_one_file(tmp_path: Path) -> None:
    path = tmp_path / "room.glb"
    write_textured(path, square())
    content = path.read_bytes()
    magic, version, total, size, _ = struct.unpack("<5I", content[:20])
    assert (magic, version, total) == (0x46546C67, 2, len(content))
    document = json.loads(content[20 : 20 + size])
    binary = content[28 + size :]
    assert len(binary) == document["buffers"][0]["byteLength"] and len(binary) % 4 == 0
    view = document["bufferViews"][document["images"][0]["bufferView"]]
    encoded = binary[view["byteOffset"] : view["byteOffset"] + view["byteLength"]]
    picture = cv2.imdecode(np.frombuffer(encoded, np.uint8), cv2.IMREAD_COLOR)
    assert (
        picture is not None
        and picture.shape == (8, 16, 3)
        and picture[0, 8, 2] > 200
        and picture[7, 8, 1] > 200
    )
    uv = document["accessors"][2]
    start = document["bufferViews"][uv["bufferView"]]["byteOffset"]
    assert np.allclose(np.frombuffer(binary, "<f4", 8, start).reshape(4, 2), square().uv)


def test_other_names_are_refused() -> None:
    with pytest.raises(ConfigError, match=r"\.obj or \.glb"):
        textured_files(Path("room.ply"))
