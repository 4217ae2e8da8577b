"""Meshes and point clouds as binary glTF 2.0."""

from __future__ import annotations

import json
import struct
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np

from mapper.core.mesh import Mesh
from mapper.errors import OutputError
from mapper.io.meshes.glb_cameras import GlbCamera, lens_of, nodes_of
from mapper.runtime.atomic_files import atomic_write

# Codes of the glTF 2.0 specification (Khronos), sections 3.6.2, 3.7.2 and 4.4.
MAGIC, VERSION, JSON_CHUNK, BINARY_CHUNK = 0x46546C67, 2, 0x4E4F534A, 0x004E4942
FLOAT, UNSIGNED_SHORT, UNSIGNED_INT = 5126, 5123, 5125
ARRAY_BUFFER, ELEMENT_ARRAY_BUFFER = 34962, 34963
POINTS, TRIANGLES = 0, 4
# Camera axes (y down, z forward) to glTF's (y up, z backward): half a turn about x, xyzw.
TO_Y_UP: Final = [1.0, 0.0, 0.0, 0.0]
# East, north and up to glTF's: a quarter turn about x, xyzw.
Z_TO_Y_UP: Final = [-(0.5**0.5), 0.0, 0.0, 0.5**0.5]
MAX_SIZE: Final = 2**32 - 1  # bytes, by the header's field


def write_glb(
    path: Path | str, mesh: Mesh, cameras: Sequence[GlbCamera] = (), *, is_z_up: bool = False
) -> None:
    """POSITION, NORMAL, COLOR_0 and indices; vertices stay in the world frame, a node turns them.

    The world's axes are taken as those of a camera (x right, y down, z forward), or as east, north
    and up where is_z_up. cameras: nodes below the mesh's, so that they are turned with it; none
    where there is no vertex.
    """
    blocks = _blocks(mesh) if len(mesh.vertices) else []
    size = sum(block.nbytes for block, _ in blocks)
    content = _document(mesh, blocks, size)
    if is_z_up and blocks:
        content["nodes"][0]["rotation"] = Z_TO_Y_UP
    if cameras and blocks:
        _add_cameras(content, cameras)
    document = json.dumps(content, separators=(",", ":")).encode()
    document += b" " * (-len(document) % 4)
    total = 12 + 8 + len(document) + (8 + size if size else 0)
    if total > MAX_SIZE:
        raise OutputError(f"{path}: {total / 1e9:.1f} GB is more than a .glb can hold; use .ply")
    with atomic_write(path, "wb") as file:
        file.write(struct.pack("<3I", MAGIC, VERSION, total))
        file.write(struct.pack("<2I", len(document), JSON_CHUNK) + document)
        if size:
            file.write(struct.pack("<2I", size, BINARY_CHUNK))
        for block, _ in blocks:
            file.write(block.tobytes())


def _blocks(mesh: Mesh) -> list[tuple[np.ndarray, dict[str, Any]]]:
    """Arrays of the binary chunk in order, each with its accessor; all are multiples of 4 bytes."""
    normals = mesh.normals.astype("<f4")
    normals[(normals == 0).all(axis=1)] = (0, 0, 1)  # the standard wants length 1
    colors = np.full((len(mesh.colors), 4), 65535, "<u2")
    colors[:, :3] = _linear_shades()[mesh.colors]
    vertices = np.ascontiguousarray(mesh.vertices, "<f4")
    extent = {"min": vertices.min(0).tolist(), "max": vertices.max(0).tolist()}
    blocks = [
        (vertices, {"componentType": FLOAT, "type": "VEC3", **extent}),
        (normals, {"componentType": FLOAT, "type": "VEC3"}),
        (colors, {"componentType": UNSIGNED_SHORT, "type": "VEC4", "normalized": True}),
    ]
    if len(mesh.faces):
        indices = np.ascontiguousarray(mesh.faces, "<u4").reshape(-1)
        blocks.append((indices, {"componentType": UNSIGNED_INT, "type": "SCALAR"}))
    return blocks


def _linear_shades() -> np.ndarray:
    """uint16 (256,): glTF's vertex colours are linear, images' are sRGB (IEC 61966-2-1)."""
    shade = np.arange(256) / 255
    linear = np.where(shade <= 0.04045, shade / 12.92, ((shade + 0.055) / 1.055) ** 2.4)
    return np.rint(65535 * linear).astype("<u2")


def _document(
    mesh: Mesh, blocks: list[tuple[np.ndarray, dict[str, Any]]], size: int
) -> dict[str, Any]:
    document: dict[str, Any] = {"asset": {"version": "2.0", "generator": "mapper"}, "scene": 0}
    if not blocks:
        return document | {"scenes": [{}]}
    views, accessors, offset = [], [], 0
    for index, (block, accessor) in enumerate(blocks):
        target = ELEMENT_ARRAY_BUFFER if accessor["type"] == "SCALAR" else ARRAY_BUFFER
        view = {"buffer": 0, "byteOffset": offset, "byteLength": block.nbytes, "target": target}
        views.append(view)
        accessors.append({"bufferView": index, "count": len(block), **accessor})
        offset += block.nbytes
    shape = {
        "attributes": {"POSITION": 0, "NORMAL": 1, "COLOR_0": 2},
        "material": 0,
        "mode": TRIANGLES if len(mesh.faces) else POINTS,
    }
    if len(mesh.faces):
        shape["indices"] = 3
    # The colours are photographs: lit already.
    material = {
        "pbrMetallicRoughness": {"metallicFactor": 0.0, "roughnessFactor": 1.0},
        "doubleSided": True,
        "extensions": {"KHR_materials_unlit": {}},
    }
    return document | {
        "scenes": [{"nodes": [0]}],
        "nodes": [{"mesh": 0, "rotation": TO_Y_UP, "name": "map"}],
        "meshes": [{"primitives": [shape]}],
        "materials": [material],
        "extensionsUsed": ["KHR_materials_unlit"],
        "accessors": accessors,
        "bufferViews": views,
        "buffers": [{"byteLength": size}],
    }


def _add_cameras(document: dict[str, Any], cameras: Sequence[GlbCamera]) -> None:
    nodes = document["nodes"]
    nodes[0]["children"] = list(range(len(nodes), len(nodes) + len(cameras)))
    nodes += nodes_of(cameras)
    document["cameras"] = [lens_of(camera) for camera in cameras]
