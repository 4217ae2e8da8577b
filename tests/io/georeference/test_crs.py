"""A map's local frame in projected systems, held against pyproj's own way there."""

from __future__ import annotations

import sys

import numpy as np
import pytest

from mapper.core.mesh import Mesh
from mapper.core.pose_readings import GeoOrigin
from mapper.errors import ConfigError, InputError
from mapper.io.georeference.crs import map_crs
from mapper.io.priors.gps.track import east_north_up

pyproj = pytest.importorskip("pyproj")
ORIGIN = GeoOrigin(47.5, 8.25, 401.0)
LONGITUDES, LATITUDES = np.array([8.26, 8.2, 8.25]), np.array([47.51, 47.49, 47.5])
HEIGHTS = np.array([420.0, 390.0, 401.0])


def _points() -> np.ndarray:
    return east_north_up(ORIGIN, LATITUDES, LONGITUDES, HEIGHTS)


@pytest.mark.parametrize("code", ["EPSG:32632", "epsg:2056"])
def test_points_are_where_pyproj_puts_their_longitudes_and_latitudes(code: str) -> None:
    place = map_crs(code, ORIGIN)
    way = pyproj.Transformer.from_crs(4326, int(code[5:]), always_xy=True)
    expected = np.stack([*way.transform(LONGITUDES, LATITUDES), HEIGHTS], 1)
    np.testing.assert_allclose(place.coordinates(_points()), expected, atol=1e-5)
    local = place.local(_points()[2:])[0]
    assert (local >= 0).all() and (local < 100).all()
    np.testing.assert_allclose(local + place.record(is_local=True)["offset"], expected[2])
    assert place.record(is_local=False)["offset"] == [0, 0, 0]
    assert place.record(is_local=False)["crs"] == code.upper()


def test_cameras_turn_with_the_grid() -> None:
    """By the meridian's convergence, which pyproj knows: the map's y axis is true north."""
    place = map_crs("EPSG:32632", ORIGIN)
    poses = np.tile(np.eye(4), (3, 1, 1))
    poses[:, :3, 3] = _points()
    turned = place.local_poses(poses)
    np.testing.assert_allclose(turned[:, :3, 3], place.local(_points()))
    known = pyproj.Proj("EPSG:32632").get_factors(8.25, 47.5)
    north = turned[2, :3, 1]
    angle = np.degrees(np.arctan2(north[0], north[1]))
    assert angle == pytest.approx(-known.meridian_convergence, abs=1e-4)
    assert abs(angle) > 0.3
    np.testing.assert_allclose(
        turned[:, :3, :3] @ turned[:, :3, :3].swapaxes(1, 2),
        np.tile(np.eye(3), (3, 1, 1)),
        atol=1e-9,
    )
    whole = place.poses(poses)
    np.testing.assert_allclose(whole[:, :3, 3], place.coordinates(_points()))


def test_a_mesh_keeps_its_shape() -> None:
    vertices = np.random.default_rng(1).uniform(-20, 20, (50, 3)).astype(np.float32)
    up = np.tile(np.array([0, 1, 0], np.float32), (50, 1))
    mesh = Mesh(vertices, np.zeros((0, 3), np.int32), np.zeros((50, 3), np.uint8), up)
    place = map_crs("EPSG:2056", ORIGIN)
    moved = place.local_mesh(mesh)
    assert moved.vertices.dtype == moved.normals.dtype == np.float32
    np.testing.assert_allclose(moved.vertices, place.local(vertices), atol=1e-4)
    before = np.linalg.norm(vertices[1:] - vertices[0], axis=1)
    after = np.linalg.norm(moved.vertices[1:] - moved.vertices[0], axis=1)
    np.testing.assert_allclose(after, before, rtol=5e-4)
    np.testing.assert_allclose(np.linalg.norm(moved.normals, axis=1), 1, atol=1e-6)
    assert 1e-3 < abs(moved.normals[0, 0]) < 0.05  # the grid's north is not quite north
    empty = Mesh(vertices[:0], mesh.faces, mesh.colors[:0], up[:0])
    assert place.local_mesh(empty) is empty


@pytest.mark.parametrize(
    ("code", "message"),
    [
        ("32632", "give a code like"),
        ("EPSG:UTM", "give a code like"),
        ("EPSG:999999", "no coordinate system of this code"),
        ("EPSG:4326", "not a plane system"),
        ("EPSG:5972", "heights need none"),
        ("EPSG:2263", "US survey foot"),
        ("EPSG:32633", "12 to 18 E"),
        ("EPSG:32732", "the map lies at 8.2500 E 47.5000 N"),
        ("EPSG:3857", r"1\.4\d units"),
    ],
)
def test_what_is_no_metric_system_of_this_place(code: str, message: str) -> None:
    with pytest.raises((ConfigError, InputError), match=message) as caught:
        map_crs(code, ORIGIN)
    assert "\n" not in str(caught.value)


def test_an_area_across_the_date_line() -> None:
    """New Zealand's continental shelf has its eastern end in the west."""
    for longitude in (179.5, -179.5):
        origin = GeoOrigin(-40.0, longitude, 0.0)
        assert map_crs("EPSG:3851", origin).name.startswith("NZGD2000")
    with pytest.raises(InputError, match="the map lies at 8"):
        map_crs("EPSG:3851", GeoOrigin(-40.0, 8.0, 0.0))


def test_a_missing_package_is_a_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pyproj", None)
    with pytest.raises(InputError, match=r"extra crs.*pip install pyproj"):
        map_crs("EPSG:32632", ORIGIN)
