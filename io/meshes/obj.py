"""Meshes and point clouds as Wavefront OBJ with colours at the vertices.

Not by Open3D: it writes six digits of a coordinate, so that a map of 100 m is rounded to
millimetres, takes five times as long, and writes no point clouds in this format.
"""

from __future__ import annotations

import math
from pathlib import Path
from typing import Final

import numpy as np

from mapper.core.mesh import Mesh
from mapper.io.meshes.ascii_numbers import fixed_point, text_rows
from mapper.runtime.atomic_files import atomic_write

CHUNK: Final = 1 << 17  # rows in memory at once
DIGITS: Final = 8  # significant ones of the largest coordinate: a float32 has no more
SHADES: Final = [f"{value / 255:.4f}".encode() for value in range(256)]


def write_obj(path: Path | str, mesh: Mesh) -> None:
    """`v x y z r g b` (colour in 0..1) and `vn`, then `f`, or `p` for a point cloud's points."""
    largest = float(np.abs(mesh.vertices).max(initial=1e-30))
    decimals = min(max(DIGITS - math.ceil(math.log10(largest)), 0), 12)
    shades = np.frombuffer(b"".join(SHADES), np.uint8).reshape(256, -1)
    with atomic_write(path, "wb") as file:
        file.write(b"# colours stand behind the coordinates: v x y z r g b\n")
        for start in range(0, len(mesh.vertices), CHUNK):
            part = slice(start, start + CHUNK)
            columns: list[np.ndarray | bytes] = [b"v"]
            for k in range(3):
                columns += [b" ", fixed_point(mesh.vertices[part, k], decimals)]
            for k in range(3):
                columns += [b" ", shades[mesh.colors[part, k]]]
            file.write(text_rows([*columns, b"\n"]))
        for start in range(0, len(mesh.vertices), CHUNK):
            columns = [b"vn"]
            for k in range(3):
                columns += [b" ", fixed_point(mesh.normals[start : start + CHUNK, k], 5)]
            file.write(text_rows([*columns, b"\n"]))
        for start in range(0, len(mesh.faces), CHUNK):
            columns = [b"f"]
            for k in range(3):
                corner = fixed_point(mesh.faces[start : start + CHUNK, k] + 1, 0)
                columns += [b" ", corner, b"//", corner]
            file.write(text_rows([*columns, b"\n"]))
        if not len(mesh.faces):
            for start in range(0, len(mesh.vertices), CHUNK):
                end = min(start + CHUNK, len(mesh.vertices))
                file.write(text_rows([b"p ", fixed_point(np.arange(start, end) + 1, 0), b"\n"]))
