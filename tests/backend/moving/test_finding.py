"""What later views look through has moved; what poses and holes only make seem so has not."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from mapper.backend.moving.config import MovingConfig
from mapper.backend.moving.finding import Moving, find_moving
from tests.support.views.box_and_wall import BOX, FRONT, POLE, Scene

CONFIG = MovingConfig()
SIZE = 0.04
THERE, GONE = [BOX] * 5, [0.0] * 5


def found(scene: Scene, config: MovingConfig = CONFIG) -> Moving:
    return find_moving(range(len(scene.half)), scene.seen(), config, SIZE)


def test_a_box_that_is_carried_away_is_found_where_it_stood_and_nothing_else() -> None:
    scene = Scene(THERE + GONE)
    moving = found(scene)
    assert sorted(moving.pixels) == [0, 1, 2, 3, 4]
    for number, pixels in moving.pixels.items():
        mask = np.zeros(scene.is_box(number).size, bool)
        mask[pixels] = True
        box = scene.is_box(number).ravel()
        assert not (mask & ~box).any()
        assert (mask & box).sum() > 0.97 * box.sum()


def test_it_is_told_when_it_was_there_how_large_it_is_and_where() -> None:
    (thing,) = found(Scene(THERE + GONE)).things
    assert thing.keyframes == (0, 1, 2, 3, 4)
    assert (thing.seen_from, thing.seen_until, thing.gone_by) == (0.0, 4.0, 5.0)
    assert np.abs(thing.centre - (0, 0, FRONT)).max() < SIZE
    # It reaches 12 cm beyond the picture's middle on either side and is cut by neither.
    assert np.abs(thing.size[:2] - (2 * BOX, 4 * BOX)).max() < 2 * SIZE
    assert thing.area == pytest.approx(2 * BOX * 4 * BOX, rel=0.2)


@pytest.mark.parametrize(
    "half",
    [THERE + THERE, GONE + THERE, THERE + [0.0] * 2, THERE + GONE + THERE],
    ids=["stays", "comes", "only two views look through", "comes back"],
)
def test_what_stands_there_in_the_end_stays(half: list[float]) -> None:
    assert found(Scene(half)) == Moving()


def test_who_goes_to_and_fro_is_found_each_time() -> None:
    moving = found(Scene(THERE + GONE + THERE + GONE))
    assert sorted(moving.pixels) == [0, 1, 2, 3, 4, 10, 11, 12, 13, 14]


def test_where_nothing_is_read_behind_it_nothing_was_looked_through() -> None:
    assert found(Scene(THERE + GONE, behind=False)) == Moving()


def test_a_pole_that_poses_put_beside_itself_stays() -> None:
    # The later views stand 7 cm beside where they are said to stand: they look past the pole.
    scene = Scene([POLE] * 10, off=[0.0] * 5 + [0.07] * 5)
    assert found(replace(scene, half=[BOX] * 10)) == Moving()
    assert found(scene) == Moving()
    careless = replace(CONFIG, min_width=0.1, min_cells=1)
    assert found(scene, careless).things  # that it is thin is what keeps it


def test_surfaces_that_later_views_see_further_off_have_not_moved() -> None:
    # By 8 %: what drift makes of depth, or of poses. Of a network it may be all of the depth.
    scene = Scene([BOX] * 10, factor=[1.0] * 5 + [1.08] * 5)
    assert found(scene) == Moving()
    assert found(scene, replace(CONFIG, min_clear=0.0, misfit_factor=0.0)).things


def test_nothing_is_found_in_nothing() -> None:
    assert find_moving([], Scene([]).seen(), CONFIG, SIZE) == Moving()
    empty = Scene([0.0] * 5, behind=False)
    assert found(empty) == Moving()
