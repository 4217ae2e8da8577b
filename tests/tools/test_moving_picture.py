"""The README's moving picture shows what it says."""

from __future__ import annotations

import numpy as np
import pytest
from moving_picture import CAMERA, LOOP, WAY, Artist, Moment

from mapper.core.geometry import pose
from mapper.core.mesh import Mesh

SIZE = 320, 200


@pytest.fixture
def moment() -> Moment:
    """A grey wall 3 m ahead of the eye; the camera stands before it, the way leads to the left."""
    corners = np.array([[-2, -2, 3], [-2, 2, 3], [2, 2, 3], [2, -2, 3]], np.float32)
    faces = np.array([[0, 1, 2], [0, 2, 3]], np.int32)
    grey, towards = (
        np.full((4, 3), 128, np.uint8),
        np.tile(np.array([0, 0, -1], np.float32), (4, 1)),
    )
    way = np.array([[-0.8, 0, 2], [0.4, 0, 2]], np.float64)
    loops = np.array([[[-0.6, 0.3, 2], [0.4, 0.3, 2]]], np.float64)
    camera = pose(np.eye(3), np.array([0.6, -0.3, 2]))
    image = np.full((48, 64, 3), (250, 240, 10), np.uint8)
    return Moment(Mesh(corners, faces, grey, towards), way, camera, image, loops)


def has(picture: np.ndarray, color: tuple[int, int, int], x: float, y: float) -> bool:
    """Around a place at 2 m in front of the eye, where a metre is 145 pixels."""
    column, row = round(159.5 + 145.2 * x), round(99.5 + 145.2 * y)
    around = picture[row - 2 : row + 3, column - 2 : column + 3].astype(int)
    return bool((np.abs(around - color).max(axis=-1) < 25).any())


def test_way_camera_and_new_loops_are_drawn_where_they_are(moment: Moment) -> None:
    artist = Artist(np.eye(4), SIZE, 4.0)
    before, after = artist.picture(moment, 0), artist.picture(moment, 1)
    for picture in (before, after):
        assert picture.shape == (200, 320, 3)
        assert has(picture, WAY, -0.2, 0.0) and not has(picture, WAY, -0.2, 0.15)
        assert (np.abs(picture.astype(int) - CAMERA).max(axis=-1) < 25).sum() > 30
        assert (picture[150, 290] == (250, 240, 10)).all()  # what the camera sees
    assert has(after, LOOP, -0.1, 0.3) and not has(before, LOOP, -0.1, 0.3)
