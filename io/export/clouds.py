"""Point clouds as .pcd, .las and .e57, for the programs of surveyors and robots."""

from __future__ import annotations

import importlib
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import ModuleType
from typing import Final

import numpy as np

from mapper.core.mesh import Mesh
from mapper.errors import ConfigError, InputError
from mapper.io.georeference.crs import MapCrs
from mapper.io.meshes.mesh_files import check_mesh
from mapper.io.meshes.ply import write_ply
from mapper.runtime.atomic_files import atomic_write, output_error, temporary_beside

CHUNK: Final = 1 << 18  # rows in memory at once
PCD_ROW: Final = np.dtype(
    [(name, "<f4") for name in ("x", "y", "z", "normal_x", "normal_y", "normal_z")]
    + [("rgb", "<u4")]
)
LAS_RESOLUTION: Final = 1e-4  # of its whole numbers; coarser where the cloud would not fit
LAS_REACH: Final = 2**31 - 1  # its largest whole number
RGB_RECORD: Final = 2  # LAS's point format with colours that every reader knows, of version 1.2


def write_cloud(path: Path | str, cloud: Mesh, place: MapCrs | None = None) -> None:
    """Write a cloud's points in the world frame, in its units, by the name's end; see SUFFIXES.

    place: the coordinate system in whose local coordinates the cloud is. Files of WHOLE get its
    offset and hold the system's own coordinates; the others stay local.
    InputError where there is no point, or the package is missing that writes the format.
    """
    suffix = Path(path).suffix.lower()
    if suffix not in SUFFIXES:
        raise ConfigError(f"{path}: unknown cloud format; end the name in {', '.join(SUFFIXES)}")
    if not len(cloud.vertices):
        raise InputError(f"{path}: the cloud has no points; nothing to write")
    check_mesh(cloud)
    if suffix in WHOLE:
        WHOLE[suffix](path, cloud, place)
    else:
        WRITERS[suffix](path, cloud)


def require_writer(suffix: str) -> None:
    """InputError where the package is missing that writes such a file, before work is done."""
    if suffix in PACKAGES:
        _package(PACKAGES[suffix], suffix)


def _package(name: str, suffix: str) -> ModuleType:
    try:
        return importlib.import_module(name)
    except ImportError as error:
        raise InputError(
            f"{suffix} files need the package {name} of the extra clouds ({error}); "
            f"pip install {name}"
        ) from error


def _write_points_as_ply(path: Path | str, cloud: Mesh) -> None:
    write_ply(path, Mesh(cloud.vertices, cloud.faces[:0], cloud.colors, cloud.normals))


def _write_pcd(path: Path | str, cloud: Mesh) -> None:
    """Binary PCD 0.7 with normals and packed colours, as the Point Cloud Library reads it."""
    names = " ".join(PCD_ROW.names or ())
    count = len(cloud.vertices)
    header = (
        f"# .PCD v0.7 - Point Cloud Data file format\nVERSION 0.7\nFIELDS {names}\n"
        f"SIZE 4 4 4 4 4 4 4\nTYPE F F F F F F U\nCOUNT 1 1 1 1 1 1 1\nWIDTH {count}\nHEIGHT 1\n"
        f"VIEWPOINT 0 0 0 1 0 0 0\nPOINTS {count}\nDATA binary\n"
    )
    with atomic_write(path, "wb") as file:
        file.write(header.encode())
        for start in range(0, count, CHUNK):
            part = slice(start, min(start + CHUNK, count))
            rows = np.empty(part.stop - start, PCD_ROW)
            rows["x"], rows["y"], rows["z"] = cloud.vertices[part].T
            rows["normal_x"], rows["normal_y"], rows["normal_z"] = cloud.normals[part].T
            red, green, blue = cloud.colors[part].T.astype(np.uint32)
            rows["rgb"] = red << 16 | green << 8 | blue
            file.write(rows.tobytes())


def _write_las(path: Path | str, cloud: Mesh, place: MapCrs | None) -> None:
    """LAS 1.2 with 16-bit colours; it has no place for normals. Its whole numbers count from the
    offset, so that coordinates of millions of metres keep their digits."""
    laspy = _package("laspy", ".las")
    vertices = cloud.vertices.astype(float) + (0.0 if place is None else place.offset)
    low = vertices.min(0) if place is None else np.floor(vertices.min(0))
    extent = float((vertices.max(0) - low).max())
    header = laspy.LasHeader(point_format=RGB_RECORD, version="1.2")
    header.offsets = low
    header.scales = np.full(3, max(LAS_RESOLUTION, extent / LAS_REACH))
    header.generating_software = "mapper"
    if place is not None:
        header.add_crs(place.system)
    las = laspy.LasData(header)
    las.x, las.y, las.z = vertices.T
    las.red, las.green, las.blue = cloud.colors.T.astype(np.uint16) * 257  # 255 becomes 65535
    with atomic_write(path, "wb") as file:
        las.write(file)


def _write_e57(path: Path | str, cloud: Mesh, place: MapCrs | None) -> None:
    """One scan, float32, whose pose has the offset in float64; without normals, for which the
    standard has no field."""
    pye57 = _package("pye57", ".e57")
    names = ("cartesianX", "cartesianY", "cartesianZ", "colorRed", "colorGreen", "colorBlue")
    columns = (*cloud.vertices.T, *cloud.colors.T)
    scan = dict(zip(names, map(np.ascontiguousarray, columns), strict=True))
    with _whole(path) as temporary:
        try:
            with pye57.E57(str(temporary), mode="w") as file:
                offset = np.zeros(3) if place is None else place.offset
                file.write_scan_raw(scan, name="map", translation=offset)
        except pye57.libe57.E57Exception as error:
            raise OSError(None, str(error).splitlines()[0][:80]) from error


@contextmanager
def _whole(path: Path | str) -> Iterator[Path]:
    """A name beside `path` for a library that wants one, which takes its place at the end."""
    target = Path(os.path.abspath(path))
    temporary = temporary_beside(target)
    try:
        yield temporary
        os.replace(temporary, target)
    except OSError as error:
        raise output_error(path, error) from error
    finally:
        with suppress(OSError):
            temporary.unlink()


WRITERS: Final[dict[str, Callable[[Path | str, Mesh], None]]] = {
    ".ply": _write_points_as_ply,
    ".pcd": _write_pcd,
}
# Of these formats every reader knows an offset.
WHOLE: Final[dict[str, Callable[[Path | str, Mesh, MapCrs | None], None]]] = {
    ".las": _write_las,
    ".e57": _write_e57,
}
SUFFIXES: Final = (*WRITERS, *WHOLE)
PACKAGES: Final = {".las": "laspy", ".e57": "pye57"}
