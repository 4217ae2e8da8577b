"""Meshes come back as they were, and Open3D reads all three formats."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from mapper.core.mesh import Mesh
from mapper.errors import ConfigError, InputError
from mapper.io.meshes.ascii_numbers import fixed_point, text_rows
from mapper.io.meshes.mesh_files import WRITERS, read_mesh, write_mesh
from mapper.runtime.open3d_loader import load_open3d
from tests.support.exports import read_glb


def _mesh(count: int = 500, faces: int = 800) -> Mesh:
    rng = np.random.default_rng(0)
    normals = rng.normal(size=(count, 3))
    return Mesh(
        rng.normal(scale=20, size=(count, 3)).astype(np.float32),
        # Every triangle has three different corners: Open3D leaves out the others.
        np.array([rng.permutation(count)[:3] for _ in range(faces)], np.int32).reshape(-1, 3),
        rng.integers(0, 256, (count, 3), dtype=np.uint8),
        (normals / np.linalg.norm(normals, axis=1, keepdims=True)).astype(np.float32),
    )


EMPTY = Mesh(
    np.zeros((0, 3), np.float32),
    np.zeros((0, 3), np.int32),
    np.zeros((0, 3), np.uint8),
    np.zeros((0, 3), np.float32),
)


@pytest.mark.parametrize("mesh", [_mesh(), _mesh(faces=0), EMPTY], ids=["mesh", "cloud", "empty"])
def test_ply_round_trip_is_exact(mesh: Mesh, tmp_path: Path) -> None:
    write_mesh(tmp_path / "map.ply", mesh)
    result = read_mesh(tmp_path / "map.ply")
    for name in ("vertices", "faces", "colors", "normals"):
        np.testing.assert_array_equal(getattr(result, name), getattr(mesh, name))
        assert getattr(result, name).dtype == getattr(mesh, name).dtype


@pytest.mark.parametrize("suffix", WRITERS)
def test_open3d_reads_every_format(suffix: str, tmp_path: Path) -> None:
    """Triangle by triangle: Open3D's reader of .obj and .glb renumbers the vertices."""
    mesh = _mesh()
    write_mesh(tmp_path / f"map{suffix}", mesh)
    result = load_open3d().io.read_triangle_mesh(str(tmp_path / f"map{suffix}"))
    corners = np.asarray(result.triangles)
    turned = np.array([1, -1, -1]) if suffix == ".glb" else np.ones(3)
    colors = mesh.colors / 255
    if suffix == ".glb":  # linear, as the standard has it
        colors = np.where(colors <= 0.04045, colors / 12.92, ((colors + 0.055) / 1.055) ** 2.4)
    # OBJ: 8 digits of coordinates below 100; colours to 4 decimals, normals to 5.
    expected = {
        "vertices": (mesh.vertices * turned, 1e-5),
        "vertex_normals": (mesh.normals * turned, 2e-5),
        "vertex_colors": (colors, 1e-4),
    }
    for name, (values, tolerance) in expected.items():
        found = np.asarray(getattr(result, name))[corners]
        np.testing.assert_allclose(found, values[mesh.faces], atol=tolerance, err_msg=name)


def test_open3d_reads_a_ply_cloud(tmp_path: Path) -> None:
    cloud = _mesh(faces=0)
    write_mesh(tmp_path / "cloud.ply", cloud)
    result = load_open3d().io.read_point_cloud(str(tmp_path / "cloud.ply"))
    np.testing.assert_array_equal(np.asarray(result.points), cloud.vertices)


def test_glb_is_laid_out_as_the_standard_says(tmp_path: Path) -> None:
    mesh = _mesh()
    write_mesh(tmp_path / "map.glb", mesh)
    document, binary = read_glb(tmp_path / "map.glb")
    names = document["meshes"][0]["primitives"][0]
    arrays = {}
    for name, index in (*names["attributes"].items(), ("indices", names["indices"])):
        accessor = document["accessors"][index]
        view = document["bufferViews"][accessor["bufferView"]]
        kind = {5126: "<f4", 5123: "<u2", 5125: "<u4"}[accessor["componentType"]]
        width = {"SCALAR": 1, "VEC3": 3, "VEC4": 4}[accessor["type"]]
        assert view["byteOffset"] % 4 == 0
        values = np.frombuffer(binary, kind, accessor["count"] * width, view["byteOffset"])
        arrays[name] = values.reshape(-1, width)
    np.testing.assert_array_equal(arrays["POSITION"], mesh.vertices)
    np.testing.assert_array_equal(arrays["NORMAL"], mesh.normals)
    np.testing.assert_array_equal(arrays["indices"].reshape(-1, 3), mesh.faces)
    linear = arrays["COLOR_0"][:, :3] / 65535
    np.testing.assert_allclose(linear, (mesh.colors / 255) ** 2.2, atol=0.01)  # sRGB, nearly
    assert document["accessors"][0]["min"] == mesh.vertices.min(0).tolist()
    assert document["nodes"][0]["rotation"] == [1, 0, 0, 0]


def test_glb_cloud_has_points(tmp_path: Path) -> None:
    write_mesh(tmp_path / "cloud.glb", _mesh(faces=0))
    document, _ = read_glb(tmp_path / "cloud.glb")
    assert document["meshes"][0]["primitives"][0]["mode"] == 0
    assert "indices" not in document["meshes"][0]["primitives"][0]


def test_obj_by_hand(tmp_path: Path) -> None:
    mesh = Mesh(
        np.array([[0, -0.5, 12.25], [1, 0, 0], [0, 1, 0]], np.float32),
        np.array([[0, 1, 2]], np.int32),
        np.array([[255, 0, 51], [0, 0, 0], [0, 0, 0]], np.uint8),
        np.array([[0, 0, -1], [0, 0, 1], [0, 0, 1]], np.float32),
    )
    write_mesh(tmp_path / "map.obj", mesh)
    lines = (tmp_path / "map.obj").read_text().splitlines()
    assert lines[1] == "v 0.000000 -0.500000 12.250000 1.0000 0.0000 0.2000"
    assert lines[4] == "vn 0.00000 0.00000 -1.00000"
    assert lines[7:] == ["f 1//1 2//2 3//3"]


@pytest.mark.parametrize("suffix", WRITERS)
def test_an_empty_mesh_is_a_valid_file(suffix: str, tmp_path: Path) -> None:
    write_mesh(tmp_path / f"map{suffix}", EMPTY)
    assert (tmp_path / f"map{suffix}").stat().st_size > 0
    if suffix == ".glb":
        assert read_glb(tmp_path / "map.glb")[0]["scenes"] == [{}]


def test_numbers_as_text_agree_with_python() -> None:
    rng = np.random.default_rng(0)
    values = np.concatenate([rng.normal(size=300) * 10.0 ** rng.integers(-6, 6, 300), [0, -1e-9]])
    text = text_rows([fixed_point(values, 4), b"\n"]).decode().split()
    expected = [f"{value:.4f}" for value in values]
    assert [float(word) for word in text] == pytest.approx(list(map(float, expected)), abs=1e-12)
    assert text_rows([fixed_point(np.array([0, 7, 10, 1203]), 0), b" "]) == b"0 7 10 1203 "
    assert text_rows([fixed_point(np.array([-1.5, 20.25, 0.001]), 2), b" "]) == b"-1.50 20.25 0.00 "


def test_a_broken_ply_is_an_input_error(tmp_path: Path) -> None:
    write_mesh(tmp_path / "map.ply", _mesh())
    content = (tmp_path / "map.ply").read_bytes()
    (tmp_path / "map.ply").write_bytes(content[:-5])
    with pytest.raises(InputError, match="cut short"):
        read_mesh(tmp_path / "map.ply")
    (tmp_path / "map.ply").write_bytes(content[:40])
    with pytest.raises(InputError, match="no end"):
        read_mesh(tmp_path / "map.ply")
    (tmp_path / "map.ply").write_bytes(b"not a mesh")
    with pytest.raises(InputError, match="no PLY"):
        read_mesh(tmp_path / "map.ply")


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ((b"element vertex 500", b"element vertex 9000000000000"), "cut short"),
        ((b"element vertex 500", b"element vertex -3"), "cut short"),
        ((b"element vertex 500", b"element vertex many"), "damaged"),
        ((b"property float x", b"property float"), "damaged"),
        ((b"property float nx", b"property float x"), "damaged"),
        ((b"ply\n", b"ply\ncomment " + b"x" * 5000 + b"\n"), None),
    ],
)
def test_a_header_is_not_believed(
    tmp_path: Path, change: tuple[bytes, bytes], told: str | None
) -> None:
    path = tmp_path / "map.ply"
    write_mesh(path, _mesh())
    content = path.read_bytes()
    assert change[0] in content
    path.write_bytes(content.replace(*change))
    if told is None:
        assert len(read_mesh(path).vertices) == 500
        return
    with pytest.raises(InputError, match=told) as raised:
        read_mesh(path)
    assert "map.ply" in str(raised.value) and "\n" not in str(raised.value)


def test_faces_that_name_no_vertex_are_refused_before_anything_follows_them(
    tmp_path: Path,
) -> None:
    path = tmp_path / "map.ply"
    write_mesh(path, _mesh())
    content = bytearray(path.read_bytes())
    content[-4:] = (500).to_bytes(4, "little")
    path.write_bytes(content)
    with pytest.raises(InputError, match=r"map\.ply: .*faces that name others"):
        read_mesh(path)


def test_what_cannot_be_written_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"\.ply, \.obj, \.glb"):
        write_mesh(tmp_path / "map.stl", _mesh())
    broken = Mesh(
        np.full((1, 3), np.nan, np.float32),
        EMPTY.faces,
        np.zeros((1, 3), np.uint8),
        np.zeros((1, 3), np.float32),
    )
    with pytest.raises(InputError, match="not finite"):
        write_mesh(tmp_path / "map.ply", broken)
    assert list(tmp_path.iterdir()) == []
