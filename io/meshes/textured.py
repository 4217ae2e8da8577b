"""Textured meshes: Wavefront OBJ with its MTL and PNG, or one binary glTF 2.0."""

from __future__ import annotations

import json
import struct
from pathlib import Path
from typing import Any, Final

import cv2
import numpy as np

from mapper.core.mesh import TexturedMesh
from mapper.errors import ConfigError, OutputError
from mapper.io.meshes.ascii_numbers import fixed_point, text_rows
from mapper.io.meshes.glb import (
    ARRAY_BUFFER,
    BINARY_CHUNK,
    ELEMENT_ARRAY_BUFFER,
    FLOAT,
    JSON_CHUNK,
    MAGIC,
    MAX_SIZE,
    TO_Y_UP,
    TRIANGLES,
    UNSIGNED_INT,
    VERSION,
)
from mapper.runtime.atomic_files import atomic_write

JPEG_QUALITY: Final = 95  # of the texture in a .glb; a .png would be five times as large
LINEAR, MIPMAPPED, CLAMPED = 9729, 9987, 33071  # glTF's codes of a sampler
DECIMALS: Final = 6


def textured_files(path: Path) -> list[Path]:
    """All files that write_textured makes for a name that ends in .obj or .glb."""
    if path.suffix.lower() == ".glb":
        return [path]
    if path.suffix.lower() == ".obj":
        return [path, path.with_suffix(".mtl"), path.with_suffix(".png")]
    raise ConfigError(f"{path}: a textured mesh ends in .obj or .glb")


def write_textured(path: Path, mesh: TexturedMesh) -> None:
    """Write a textured mesh by the name's end; of an .obj, the .mtl and .png stand beside it."""
    files = textured_files(path)
    if len(files) == 1:
        _write_glb(path, mesh)
        return
    _obj, material, texture = files
    with atomic_write(texture, "wb") as file:
        file.write(_encoded(mesh.texture, ".png"))
    with atomic_write(material) as file:
        # The colours are photographs, lit already.
        file.write(f"newmtl map\nKa 0 0 0\nKd 1 1 1\nKs 0 0 0\nillum 0\nmap_Kd {texture.name}\n")
    with atomic_write(path, "wb") as file:
        file.write(f"mtllib {material.name}\nusemtl map\n".encode())
        # The texture's first row is the image's top, and v of an OBJ begins at the bottom.
        uv = np.stack([mesh.uv[:, 0], 1 - mesh.uv[:, 1]], axis=1)
        for name, rows, decimals in (
            (b"v", mesh.vertices, DECIMALS),
            (b"vt", uv, 7),
            (b"vn", mesh.normals, 5),
        ):
            columns: list[np.ndarray | bytes] = [name]
            for k in range(rows.shape[1]):
                columns += [b" ", fixed_point(rows[:, k], decimals)]
            file.write(text_rows([*columns, b"\n"]))
        columns = [b"f"]
        for k in range(3):
            corner = fixed_point(mesh.faces[:, k] + 1, 0)
            columns += [b" ", corner, b"/", corner, b"/", corner]
        file.write(text_rows([*columns, b"\n"]))


def _encoded(texture: np.ndarray, suffix: str) -> bytes:
    options = [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY] if suffix == ".jpg" else []
    bgr = cv2.cvtColor(texture, cv2.COLOR_RGB2BGR)
    return cv2.imencode(suffix, bgr, options)[1].tobytes()


def _write_glb(path: Path, mesh: TexturedMesh) -> None:
    vertices = np.ascontiguousarray(mesh.vertices, "<f4")
    extent = {"min": vertices.min(0).tolist(), "max": vertices.max(0).tolist()}
    indices = np.ascontiguousarray(mesh.faces, "<u4").reshape(-1)
    arrays = [
        (vertices, {"componentType": FLOAT, "type": "VEC3", **extent}),
        (np.ascontiguousarray(mesh.normals, "<f4"), {"componentType": FLOAT, "type": "VEC3"}),
        (np.ascontiguousarray(mesh.uv, "<f4"), {"componentType": FLOAT, "type": "VEC2"}),
        (indices, {"componentType": UNSIGNED_INT, "type": "SCALAR"}),
    ]
    image = _encoded(mesh.texture, ".jpg")
    blocks = [array.tobytes() for array, _ in arrays] + [image + bytes(-len(image) % 4)]
    document = json.dumps(_document(arrays, len(image), sum(map(len, blocks)))).encode()
    document += b" " * (-len(document) % 4)
    size = sum(map(len, blocks))
    total = 12 + 8 + len(document) + 8 + size
    if total > MAX_SIZE:
        raise OutputError(f"{path}: {total / 1e9:.1f} GB is more than a .glb can hold")
    with atomic_write(path, "wb") as file:
        file.write(struct.pack("<3I", MAGIC, VERSION, total))
        file.write(struct.pack("<2I", len(document), JSON_CHUNK) + document)
        file.write(struct.pack("<2I", size, BINARY_CHUNK))
        for block in blocks:
            file.write(block)


def _document(
    arrays: list[tuple[np.ndarray, dict[str, Any]]], image_size: int, size: int
) -> dict[str, Any]:
    views: list[dict[str, Any]] = []
    offset = 0
    for array, accessor in arrays:
        target = ELEMENT_ARRAY_BUFFER if accessor["type"] == "SCALAR" else ARRAY_BUFFER
        view = {"buffer": 0, "byteOffset": offset, "byteLength": array.nbytes, "target": target}
        views.append(view)
        offset += array.nbytes
    views.append({"buffer": 0, "byteOffset": offset, "byteLength": image_size})
    shape = {
        "attributes": {"POSITION": 0, "NORMAL": 1, "TEXCOORD_0": 2},
        "indices": 3,
        "material": 0,
        "mode": TRIANGLES,
    }
    painted = {"baseColorTexture": {"index": 0}, "metallicFactor": 0.0, "roughnessFactor": 1.0}
    material = {
        "pbrMetallicRoughness": painted,
        "doubleSided": True,
        "extensions": {"KHR_materials_unlit": {}},  # photographs are lit already
    }
    sampler = {"magFilter": LINEAR, "minFilter": MIPMAPPED, "wrapS": CLAMPED, "wrapT": CLAMPED}
    return {
        "asset": {"version": "2.0", "generator": "mapper"},
        "scene": 0,
        "scenes": [{"nodes": [0]}],
        "nodes": [{"mesh": 0, "rotation": TO_Y_UP, "name": "map"}],
        "meshes": [{"primitives": [shape]}],
        "materials": [material],
        "textures": [{"source": 0, "sampler": 0}],
        "samplers": [sampler],
        "images": [{"bufferView": len(views) - 1, "mimeType": "image/jpeg"}],
        "extensionsUsed": ["KHR_materials_unlit"],
        "accessors": [
            {"bufferView": index, "count": len(array), **accessor}
            for index, (array, accessor) in enumerate(arrays)
        ],
        "bufferViews": views,
        "buffers": [{"byteLength": size}],
    }
