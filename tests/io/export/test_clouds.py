"""Clouds in other formats are read back by the libraries that their users have."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

from mapper.core.mesh import Mesh
from mapper.errors import ConfigError, InputError, OutputError
from mapper.io.export.clouds import SUFFIXES, require_writer, write_cloud
from mapper.io.meshes.mesh_files import read_mesh
from mapper.runtime.open3d_loader import load_open3d


def _cloud(count: int = 100, extent: float = 3.0) -> Mesh:
    rng = np.random.default_rng(2)
    normals = rng.normal(size=(count, 3))
    normals /= np.linalg.norm(normals, axis=1, keepdims=True)
    return Mesh(
        (extent * rng.normal(size=(count, 3))).astype(np.float32),
        np.zeros((0, 3), np.int32),
        rng.integers(0, 256, (count, 3), dtype=np.uint8),
        normals.astype(np.float32),
    )


def test_open3d_reads_pcd(tmp_path: Path) -> None:
    cloud = _cloud()
    write_cloud(tmp_path / "cloud.pcd", cloud)
    read = load_open3d().io.read_point_cloud(str(tmp_path / "cloud.pcd"))
    np.testing.assert_array_equal(np.asarray(read.points), cloud.vertices)
    np.testing.assert_array_equal(np.rint(255 * np.asarray(read.colors)), cloud.colors)
    np.testing.assert_allclose(np.asarray(read.normals), cloud.normals, atol=1e-6)


@pytest.mark.parametrize("extent", [3.0, 1e6])
def test_laspy_reads_las(extent: float, tmp_path: Path) -> None:
    """To a tenth of a millimetre, and of a cloud that is too large for that as fine as it goes."""
    laspy = pytest.importorskip("laspy")
    cloud = _cloud(extent=extent)
    write_cloud(tmp_path / "cloud.las", cloud)
    read = laspy.read(tmp_path / "cloud.las")
    np.testing.assert_allclose(read.xyz, cloud.vertices, atol=max(0.6e-4, 4e-9 * extent))
    colors = np.stack([read.red, read.green, read.blue], 1)
    np.testing.assert_array_equal(colors, 257 * cloud.colors.astype(int))


@pytest.mark.parametrize("count", [1, 100])
def test_pye57_reads_e57(count: int, tmp_path: Path) -> None:
    pye57 = pytest.importorskip("pye57")
    cloud = _cloud(count)
    write_cloud(tmp_path / "cloud.e57", cloud)
    with pye57.E57(str(tmp_path / "cloud.e57")) as file:
        read = file.read_scan(0, colors=True, ignore_missing_fields=True)
    points = np.stack([read[f"cartesian{axis}"] for axis in "XYZ"], 1)
    np.testing.assert_array_equal(points.astype(np.float32), cloud.vertices)
    colors = np.stack([read[f"color{name}"] for name in ("Red", "Green", "Blue")], 1)
    np.testing.assert_array_equal(colors, cloud.colors)


def test_ply_is_as_ever(tmp_path: Path) -> None:
    cloud = _cloud()
    write_cloud(tmp_path / "cloud.ply", cloud)
    np.testing.assert_array_equal(read_mesh(tmp_path / "cloud.ply").vertices, cloud.vertices)


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_what_cannot_be_written_leaves_nothing(suffix: str, tmp_path: Path) -> None:
    for package in ("laspy", "pye57"):
        pytest.importorskip(package)
    with pytest.raises(InputError, match="no points"):
        write_cloud(tmp_path / f"cloud{suffix}", _cloud(0))
    with pytest.raises(OutputError, match="nowhere"):
        write_cloud(tmp_path / "nowhere" / f"cloud{suffix}", _cloud())
    assert list(tmp_path.iterdir()) == []


def test_unknown_formats_and_missing_packages_are_a_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(ConfigError, match=r"\.ply, \.pcd, \.las, \.e57"):
        write_cloud(tmp_path / "cloud.xyz", _cloud())
    for package, suffix in (("laspy", ".las"), ("pye57", ".e57")):
        monkeypatch.setitem(sys.modules, package, None)
        with pytest.raises(InputError, match=f"extra clouds.*pip install {package}"):
            require_writer(suffix)
        with pytest.raises(InputError, match=f"pip install {package}"):
            write_cloud(tmp_path / f"cloud{suffix}", _cloud())
    require_writer(".pcd")
