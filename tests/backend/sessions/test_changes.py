"""A box is put into a bare room, or taken out; it counts only where the other map saw through."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from mapper.backend.sessions.changes import Changes, SeenDepth, Surveyed, changes
from mapper.core.depth_noise import STRUCTURED_LIGHT
from mapper.core.geometry import pose
from mapper.core.intrinsics import Intrinsics
from mapper.core.mesh import Mesh
from mapper.errors import InputError

CAMERA = Intrinsics(60.0, 60.0, 39.5, 29.5, 80, 60)
UP = np.array([0.0, -1.0, 0.0])
WALL = 2.0  # metres in front of the camera
FRONT, HALF = 1.4, 0.15  # of the box, and half of its side
SPACING = 0.02


def sheet(z: float, half: float) -> Mesh:
    """A square that faces the camera."""
    line = np.arange(-half, half + 1e-6, SPACING)
    x, y = np.meshgrid(line, line)
    vertices = np.stack([x, y, np.full_like(x, z)], -1).reshape(-1, 3).astype(np.float32)
    index = np.arange(x.size).reshape(x.shape)
    a, b, c, d = index[:-1, :-1], index[:-1, 1:], index[1:, :-1], index[1:, 1:]
    corners = np.stack([np.stack([a, b, c], -1), np.stack([b, d, c], -1)])
    normals = np.tile(np.array([0, 0, -1], np.float32), (len(vertices), 1))
    grey = np.full((len(vertices), 3), 128, np.uint8)
    return Mesh(vertices, corners.reshape(-1, 3).astype(np.int32), grey, normals)


def both(first: Mesh, second: Mesh) -> Mesh:
    return Mesh(
        np.concatenate([first.vertices, second.vertices]),
        np.concatenate([first.faces, second.faces + np.int32(len(first.vertices))]),
        np.concatenate([first.colors, second.colors]),
        np.concatenate([first.normals, second.normals]),
    )


def views(with_box: bool, looked: slice = slice(None)) -> list[SeenDepth]:
    """Three cameras side by side. looked: columns of which there are readings."""
    found = []
    for x in (-0.1, 0.0, 0.1):
        depth = np.full((60, 80), WALL, np.float32)
        if with_box:
            u, v = (np.arange(80) - 39.5) / 60 * FRONT + x, (np.arange(60) - 29.5) / 60 * FRONT
            depth[np.ix_(abs(v) < HALF, abs(u) < HALF)] = FRONT
        hidden = np.ones(80, bool)
        hidden[looked] = False
        depth[:, hidden] = 0
        T = pose(np.eye(3), np.array([x, 0.0, 0.0]))
        found.append(SeenDepth(depth, CAMERA, T, STRUCTURED_LIGHT))
    return found


BARE = Surveyed(sheet(WALL, 0.8), views(False), 0.003)
FULL = Surveyed(both(sheet(WALL, 0.8), sheet(FRONT, HALF)), views(True), 0.003)


def found(earlier: Surveyed, later: Surveyed, min_size: float = 0.1) -> Changes:
    return changes(earlier, later, UP, min_size)


def test_what_was_taken_out_has_vanished() -> None:
    differing = found(FULL, BARE)
    assert not differing.appeared
    (gone,) = differing.vanished
    np.testing.assert_allclose(gone.centre, [0, 0, FRONT], atol=0.03)
    assert gone.size[0] == pytest.approx(2 * HALF, abs=0.05)
    assert gone.size[2] == pytest.approx(2 * HALF, abs=0.05)
    assert gone.area == pytest.approx((2 * HALF) ** 2, rel=0.3)
    faces = FULL.mesh.vertices[FULL.mesh.faces[gone.faces]]
    np.testing.assert_allclose(faces[..., 2], FRONT)


def test_what_was_put_in_has_appeared() -> None:
    differing = found(BARE, FULL)
    assert len(differing.appeared) == 1 and not differing.vanished


def test_the_same_room_twice_has_no_changes() -> None:
    assert found(FULL, FULL) == Changes([], [])


def test_where_nobody_looked_nothing_has_vanished() -> None:
    blind = replace(BARE, views=views(False, slice(0, 15)))
    assert not found(FULL, blind).vanished


def test_one_view_alone_is_not_believed() -> None:
    assert not found(FULL, replace(BARE, views=views(False)[:1])).vanished


def test_a_surface_that_moved_by_less_than_noise_and_drift_is_the_same() -> None:
    nearer = replace(FULL, mesh=both(sheet(WALL - 0.04, 0.8), sheet(FRONT, HALF)))
    assert not found(nearer, FULL).vanished
    noisy = replace(BARE, mesh=sheet(WALL - 0.25, 0.8), sigma=0.1)  # it may be off by that
    assert not found(noisy, replace(BARE, sigma=0.1)).vanished


def test_what_the_own_views_looked_through_is_noise() -> None:
    ghost = replace(FULL, views=views(False))
    assert not found(ghost, BARE).vanished


def test_small_things_are_left_out() -> None:
    assert not found(FULL, BARE, min_size=0.5).vanished


def test_a_map_that_is_too_large_is_refused() -> None:
    far = replace(BARE, mesh=replace(BARE.mesh, vertices=BARE.mesh.vertices * 100))
    with pytest.raises(InputError, match="too many to be compared"):
        found(far, BARE)
