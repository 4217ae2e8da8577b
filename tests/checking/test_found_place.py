"""What is found far from where a map has a pair of views speaks against it only where they do."""

from __future__ import annotations

from types import SimpleNamespace
from typing import cast

import numpy as np
import pytest

from mapper.checking.finished_map import FinishedMap
from mapper.checking.found_place import found_place, is_refuted, nearer_place
from mapper.core.geometry import exp_se3
from mapper.vision.dense_alignment import AlignmentConfig
from mapper.vision.depth_pyramid import DepthPyramid
from mapper.vision.orb import OrbMatcher
from tests.support.room_views import Room, distance, keyframe_of, pyramid_of
from tests.support.views.bare_walls import corner

PAIR = (0, 1)
UPWARDS = exp_se3(np.array([0, 0, 0, 0, 0.2, 0]))  # along the edge of two bare walls
ACROSS = exp_se3(np.array([0, 0, 0, 0.2, 0, 0.05]))


def map_of(
    views: tuple[DepthPyramid, DepthPyramid], T_map: np.ndarray, steps: int = 1, **more: object
) -> FinishedMap:
    """A map of two keyframes as a depth camera saw them, the second one at T_map."""
    return cast(
        FinishedMap,
        SimpleNamespace(
            saved=SimpleNamespace(fused_poses={0: np.eye(4), 1: T_map}),
            maps=SimpleNamespace(pyramid=views.__getitem__),
            config=SimpleNamespace(edges=SimpleNamespace(alignment=AlignmentConfig())),
            is_measured=True,
            matcher=OrbMatcher(),
            order={0: 0, 1: steps},
            **more,
        ),
    )


@pytest.fixture(scope="module")
def in_room(room: Room) -> tuple[tuple[DepthPyramid, DepthPyramid], np.ndarray]:
    return (pyramid_of(room.frame(0)), pyramid_of(room.frame(6))), room.relative(0, 6)


def test_a_slide_along_an_edge_speaks_against_no_map() -> None:
    slid = map_of((corner(0), corner(1)), np.eye(4))
    assert not is_refuted(slid, PAIR, UPWARDS)


def test_views_across_the_edge_speak_against_one() -> None:
    wrong = map_of((corner(0), corner(1)), ACROSS)
    assert is_refuted(wrong, PAIR, np.eye(4))
    assert not is_refuted(map_of((corner(0), corner(1)), np.eye(4)), PAIR, ACROSS)


def test_what_textured_views_show_elsewhere_speaks_against_one(in_room) -> None:
    views, T = in_room
    assert is_refuted(map_of(views, ACROSS @ T), PAIR, T)
    assert not is_refuted(map_of(views, T), PAIR, ACROSS @ T)


def test_the_better_of_two_places_is_taken(in_room) -> None:
    views, T = in_room
    right = map_of(views, exp_se3(np.array([0, 0.004, 0, 0.01, 0, 0])) @ T)
    metres, _ = distance(nearer_place(right, PAIR, ACROSS @ T), T)
    assert metres < 0.006
    wrong = map_of(views, ACROSS @ ACROSS @ T)
    metres, _ = distance(nearer_place(wrong, PAIR, T), T)
    assert metres < 0.006


def test_a_place_seen_again_takes_features_to_be_found(room: Room, in_room) -> None:
    views, T = in_room
    near = exp_se3(np.array([0, 0.01, 0, 0.02, 0, 0])) @ T

    def keyframes(blind: bool) -> dict[int, object]:
        frames = enumerate((room.prediction(0), room.prediction(6)))
        return {number: keyframe_of(number, each, blind) for number, each in frames}

    blind, seeing = keyframes(blind=True), keyframes(blind=False)
    neighbour = found_place(map_of(views, near, keyframes=blind), PAIR)
    again = found_place(map_of(views, ACROSS @ ACROSS @ T, steps=9, keyframes=seeing), PAIR)
    for found in (neighbour, again):
        assert found is not None and distance(found, T)[0] < 0.006
    assert found_place(map_of(views, near, steps=9, keyframes=blind), PAIR) is None
