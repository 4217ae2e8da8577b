from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from mapper.core.frame import Frame
from mapper.core.geometry import inverse
from mapper.errors import InputError
from mapper.localization.localization import Localization, Reason
from mapper.localization.localizer import Localizer
from mapper.localization.walk import carried, each_by_itself
from tests.support.room_views import Room
from tests.support.views.saved_room import room_landmarks

WALK = (34, 36, 38, 40, 42)
LOST = Localization(None, Reason.CONTRADICTED, None)


@pytest.fixture(scope="module")
def localizer(room: Room) -> Localizer:
    return Localizer(room_landmarks(room), 0)


def seen(room: Room, *more: Frame) -> list[Frame]:
    return [*(room.frame(index) for index in WALK), *more]


def test_one_frame_that_is_sure_places_those_beside_it(room: Room, localizer: Localizer) -> None:
    sure = Localization(room.poses[38], None, room.intrinsics)
    found = carried(localizer, seen(room), [LOST, LOST, sure, LOST, LOST])
    for index, place in zip(WALK, found, strict=True):
        assert place is not None and place.T_world_camera is not None
        off = inverse(room.poses[index]) @ place.T_world_camera
        assert np.linalg.norm(off[:3, 3]) < 0.01
    assert found[2] is sure
    others = [place for place in found if place is not sure and place is not None]
    assert len(others) == 4 and all(place.is_carried and place.by_depth for place in others)


def test_no_frame_is_placed_by_a_jump_nor_by_one_that_lies(
    room: Room, localizer: Localizer
) -> None:
    sure = Localization(room.poses[42], None, room.intrinsics)
    frames = seen(room, room.frame(160))  # the other side of the room
    assert carried(localizer, frames, [*[LOST] * 4, sure, LOST])[5] is LOST
    moved = room.poses[42].copy()
    moved[:3, 3] += 0.5  # where the map has nothing of the kind
    wrong = Localization(moved, None, room.intrinsics)
    assert carried(localizer, seen(room), [*[LOST] * 4, wrong])[3] is LOST


def test_without_depth_or_metres_nothing_is_carried(room: Room, localizer: Localizer) -> None:
    sure = Localization(room.poses[34], None, room.intrinsics)
    colour = [replace(frame, depth=None) for frame in seen(room)]
    found = [sure, LOST, None, LOST, LOST]
    assert carried(localizer, colour, list(found)) == found
    unknown = Localizer(room_landmarks(room, scale=2.0), 0)
    assert carried(unknown, seen(room), list(found)) == found


def test_the_camera_of_a_walk_is_looked_for_once(room: Room, localizer: Localizer) -> None:
    class Walk:
        def __len__(self) -> int:
            return 3

        def __getitem__(self, index: int, /) -> Frame:
            if index == 1:
                raise InputError("frame 1 is damaged")
            return replace(room.frame(40 + index), depth=None, intrinsics=None)

    told: list[InputError] = []
    found = each_by_itself(localizer, Walk(), told.append)
    assert len(told) == 1 and found[1] is None
    for place in (found[0], found[2]):
        assert place is not None and place.is_estimated and place.intrinsics is not None
        assert place.intrinsics.fx == pytest.approx(room.intrinsics.fx, rel=0.03)
