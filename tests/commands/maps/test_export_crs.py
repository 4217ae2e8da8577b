"""mapper export --crs: a placed map in a surveyor's system, as other programs read it."""

from __future__ import annotations

import json
import re

import numpy as np
import pytest
import yaml

from mapper.core.pose_readings import GeoOrigin
from mapper.io.georeference.crs import MapCrs, map_crs
from mapper.io.meshes.mesh_files import read_mesh
from mapper.io.trajectory_files import read_tum
from mapper.run.directory import RunDirectory
from mapper.saved.georeference import crs_in_words
from tests.support.exports import colmap_poses, nerfstudio_poses, read_glb

pytest.importorskip("pyproj")
CODE, ORIGIN = "EPSG:32632", [47.5, 8.25, 401.0]
ALL = "ply,pcd,las,e57,tum,colmap,nerfstudio,gltf"


@pytest.fixture
def placed(finished: RunDirectory) -> RunDirectory:
    """The finished run as if GPS had placed it."""
    file = finished.path / "run.yaml"
    content = yaml.safe_load(file.read_text())
    file.write_text(yaml.safe_dump({**content, "origin": ORIGIN}))
    return finished


@pytest.fixture
def place() -> MapCrs:
    return map_crs(CODE, GeoOrigin(*ORIGIN))


def test_all_formats_hold_the_same_places(placed: RunDirectory, command, place: MapCrs) -> None:
    laspy, pye57 = pytest.importorskip("laspy"), pytest.importorskip("pye57")
    code, out, _ = command("export", placed.path, "--format", ALL, "--crs", CODE)
    assert code == 0 and f"points, in {CODE}\n" in out
    assert f"points, in {CODE}, less 443500, 5261000, 400 m\n" in out
    folder = placed.path / "export"
    vertices = read_mesh(placed.mesh).vertices
    expected = place.coordinates(vertices)
    assert expected[0, 1] > 5e6
    las = laspy.read(folder / "cloud.las")
    np.testing.assert_allclose(las.xyz, expected, atol=2e-4)
    assert las.header.parse_crs().to_epsg() == 32632
    with pye57.E57(str(folder / "cloud.e57")) as file:
        scan = file.read_scan(0, colors=True, ignore_missing_fields=True)
    points = np.stack([scan[f"cartesian{axis}"] for axis in "XYZ"], 1)
    np.testing.assert_allclose(points, expected, atol=2e-4)
    record = json.loads((folder / "cloud.ply.crs.json").read_text())
    assert record["crs"] == CODE and record["offset"] == place.offset.tolist()
    ply = read_mesh(folder / "cloud.ply").vertices.astype(float) + record["offset"]
    np.testing.assert_allclose(ply, expected, atol=2e-4)
    assert json.loads((folder / "cloud.las.crs.json").read_text())["offset"] == [0, 0, 0]


def test_cameras_of_all_formats(placed: RunDirectory, command, place: MapCrs) -> None:
    command("export", placed.path, "--format", ALL, "--crs", CODE)
    folder = placed.path / "export"
    poses = read_tum(placed.keyframe_trajectory).T_world_camera
    expected = place.local_poses(poses)
    for read, name in ((colmap_poses, "colmap"), (nerfstudio_poses, "nerfstudio")):
        np.testing.assert_allclose(read(folder / name), expected, atol=1e-6)
        record = json.loads((folder / name / "crs.json").read_text())
        assert record["offset"] == place.offset.tolist()
    way = read_tum(folder / "trajectory_tum.txt")
    before = read_tum(placed.trajectory)
    np.testing.assert_allclose(way.positions, place.coordinates(before.positions), atol=1e-6)
    document, _ = read_glb(folder / "scene.glb")
    first = next(node for node in document["nodes"] if "camera" in node)
    np.testing.assert_allclose(first["translation"], expected[0, :3, 3], atol=1e-6)
    x, _, _, w = document["nodes"][0]["rotation"]
    assert x == pytest.approx(-w)  # z is up, and becomes glTF's y


def test_points_with_tracks_go_along(placed: RunDirectory, command, place: MapCrs) -> None:
    """COLMAP's points are still where its images see them."""
    pycolmap = pytest.importorskip("pycolmap")
    command("export", placed.path, "--format", "colmap", "--crs", CODE)
    model = pycolmap.Reconstruction(str(placed.path / "export" / "colmap" / "sparse" / "0"))
    off = []
    for point in list(model.points3D.values())[:200]:
        for element in point.track.elements:
            image = model.images[element.image_id]
            seen = image.points2D[element.point2D_idx].xy
            off.append(np.linalg.norm(image.project_point(point.xyz) - seen))
    assert len(off) > 300 and np.mean(off) < 1.5


def test_an_export_without_takes_the_record_away(placed: RunDirectory, command) -> None:
    record = placed.path / "export" / "cloud.ply.crs.json"
    command("export", placed.path, "--format", "ply", "--crs", CODE)
    assert record.exists()
    code, _, err = command("export", placed.path, "--format", "ply")
    assert code == 2 and "--overwrite" in err and record.exists()
    assert command("export", placed.path, "--format", "ply", "--overwrite")[0] == 0
    assert not record.exists()
    code, out, _ = command(
        "export", placed.path, "--format", "colmap", "--crs", CODE, "--overwrite", "--json"
    )
    assert code == 0 and json.loads(out)["crs"]["crs"] == CODE
    again = command("export", placed.path, "--format", "colmap", "--overwrite")[0]
    assert again == 0 and not (placed.path / "export" / "colmap" / "crs.json").exists()


def test_how_well_the_datum_is_known_is_told(placed: RunDirectory, command) -> None:
    _, out, _ = command("export", placed.path, "--format", "tum", "--crs", "EPSG:2056")
    assert re.search(r"in EPSG:2056 \(datum known to [\d.]+ m\)", out)
    record = {"crs": "EPSG:1", "offset": [0, 0, 0], "datum_accuracy_m": None}
    assert crs_in_words(record) == ", in EPSG:1 (how well its datum is known is not told)"


def test_what_cannot_be_placed_is_a_line(finished: RunDirectory, command) -> None:
    code, _, err = command("export", finished.path, "--format", "ply", "--crs", CODE)
    assert code == 2 and "no origin in run.yaml" in err and len(err.strip().splitlines()) == 1
    assert not (finished.path / "export").exists()
