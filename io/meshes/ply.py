"""Meshes and point clouds as binary PLY."""

from __future__ import annotations

import os
from pathlib import Path
from typing import IO, Final

import numpy as np

from mapper.core.mesh import Mesh
from mapper.errors import InputError
from mapper.runtime.atomic_files import atomic_write

VERTEX: Final = np.dtype(
    [(name, "<f4") for name in ("x", "y", "z", "nx", "ny", "nz")]
    + [(name, "u1") for name in ("red", "green", "blue")]
)
FACE: Final = np.dtype([("count", "u1"), ("vertices", "<i4", 3)])
CHUNK: Final = 1 << 18  # rows in memory at once
PLY_TYPES: Final = {
    **{"char": "i1", "uchar": "u1", "short": "<i2", "ushort": "<u2", "int": "<i4", "uint": "<u4"},
    **{"int8": "i1", "uint8": "u1", "int16": "<i2", "uint16": "<u2", "int32": "<i4"},
    **{"uint32": "<u4", "float": "<f4", "float32": "<f4", "double": "<f8", "float64": "<f8"},
}
NAMES: Final = {"<f4": "float", "u1": "uchar", "|u1": "uchar"}
LONGEST_LINE: Final = 1000  # of a header, in bytes
NO_COLOR: Final = 200  # grey of vertices without colour


def write_ply(path: Path | str, mesh: Mesh) -> None:
    """Binary little endian: positions, normals, colours; faces where the mesh has any."""
    header = ["ply", "format binary_little_endian 1.0", f"element vertex {len(mesh.vertices)}"]
    header += [f"property {NAMES[VERTEX[name].str]} {name}" for name in VERTEX.names or ()]
    if len(mesh.faces):
        header += [f"element face {len(mesh.faces)}", "property list uchar int vertex_indices"]
    header.append("end_header\n")
    with atomic_write(path, "wb") as file:
        file.write("\n".join(header).encode())
        for start in range(0, len(mesh.vertices), CHUNK):
            file.write(_vertex_rows(mesh, slice(start, start + CHUNK)))
        for start in range(0, len(mesh.faces), CHUNK):
            faces = mesh.faces[start : start + CHUNK]
            rows = np.empty(len(faces), FACE)
            rows["count"], rows["vertices"] = 3, faces
            file.write(rows.tobytes())


def read_ply(path: Path | str) -> Mesh:
    """A binary little endian PLY of scalar vertex properties and triangles."""
    try:
        with open(path, "rb") as file:
            vertex, vertices, face, faces = _read_header(path, file)
            rows = _read_rows(path, file, vertex, vertices)
            triangles = _read_rows(path, file, face, faces)
    except OSError as error:
        raise InputError(f"cannot read the mesh {path}: {error.strerror}") from error
    except (ValueError, IndexError) as error:
        raise InputError(f"{path}: the PLY header is damaged ({str(error)[:80]})") from error
    if faces and (triangles["count"] != 3).any():
        raise InputError(f"{path} has faces that are no triangles; triangulate it first")
    return Mesh(
        _columns(path, rows, ("x", "y", "z"), np.float32),
        np.ascontiguousarray(triangles["vertices"], np.int32).reshape(-1, 3),
        _columns(path, rows, ("red", "green", "blue"), np.uint8, NO_COLOR),
        _columns(path, rows, ("nx", "ny", "nz"), np.float32, 0),
    )


def _vertex_rows(mesh: Mesh, part: slice) -> bytes:
    rows = np.empty(len(mesh.vertices[part]), VERTEX)
    for k, (axis, color) in enumerate((("x", "red"), ("y", "green"), ("z", "blue"))):
        rows[axis] = mesh.vertices[part, k]
        rows[f"n{axis}"] = mesh.normals[part, k]
        rows[color] = mesh.colors[part, k]
    return rows.tobytes()


def _read_header(path: Path | str, file: IO[bytes]) -> tuple[np.dtype, int, np.dtype, int]:
    """Row types and row counts of vertices and faces."""
    if file.readline(LONGEST_LINE).strip() != b"ply":
        raise InputError(f"{path} is no PLY file")
    element, counts = "", {"vertex": 0, "face": 0}
    fields: list[tuple[str, str]] = []
    face = FACE
    while (line := file.readline(LONGEST_LINE)).strip() != b"end_header":
        words = line.decode("ascii", "replace").split()
        if not line:
            raise InputError(f"{path}: the PLY header has no end")
        if words[:1] == ["format"] and words[1] != "binary_little_endian":
            raise InputError(f"{path} is {words[1]} PLY; only binary_little_endian is read")
        if words[:1] == ["element"]:
            element = words[1]
            if element not in counts:
                raise InputError(f"{path}: PLY element {element!r} is not known here")
            counts[element] = int(words[2])
        elif words[:1] == ["property"]:
            if element == "vertex" and words[1] in PLY_TYPES:
                fields.append((words[2], PLY_TYPES[words[1]]))
            elif element == "face" and words[1:3] == ["list", "uchar"] and words[3] in PLY_TYPES:
                face = np.dtype([("count", "u1"), ("vertices", PLY_TYPES[words[3]], 3)])
            else:
                raise InputError(f"{path}: PLY property {' '.join(words[1:])!r} is not known here")
    return np.dtype(fields), counts["vertex"], face, counts["face"]


def _read_rows(path: Path | str, file: IO[bytes], row: np.dtype, count: int) -> np.ndarray:
    size = os.fstat(file.fileno()).st_size - file.tell()
    if not 0 <= row.itemsize * count <= size:
        raise InputError(f"{path} is cut short; write it again")
    content = file.read(row.itemsize * count)
    return np.frombuffer(content, row, count) if count else np.zeros(0, row)


def _columns(
    path: Path | str,
    rows: np.ndarray,
    names: tuple[str, str, str],
    dtype: type,
    default: int | None = None,
) -> np.ndarray:
    """(N, 3) from named properties; where they are missing the default, or InputError."""
    result: np.ndarray = np.empty((len(rows), 3), dtype)
    for k, name in enumerate(names):
        if name in (rows.dtype.names or ()):
            result[:, k] = rows[name]
        elif default is None:
            raise InputError(f"{path}: vertices have no {name}")
        else:
            result[:, k] = default
    return result
