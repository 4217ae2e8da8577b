from __future__ import annotations

import numpy as np

from mapper.core.geometry import exp_se3
from mapper.localization.appearance import appearance
from mapper.vision.alignment_evidence import Evidence
from tests.support.room_views import Room
from tests.support.views.saved_room import EVERY, room_landmarks

INDEX = 2 * EVERY + 4


def seen(room: Room, T: np.ndarray) -> Evidence:
    """What a frame shows of the keyframe before it, if it was taken at T."""
    landmarks = room_landmarks(room)
    image = room.frame(INDEX).image
    return appearance(image, room.intrinsics, T, landmarks.view(2), landmarks.pyramid(2))


def test_light_agrees_where_the_image_was_taken_and_less_beside(room: Room) -> None:
    here = seen(room, room.poses[INDEX])
    assert here.light > 0.7 and here.centred > 0.3 and here.seen > 0.5
    aside = seen(room, room.poses[INDEX] @ exp_se3(np.array([0, 0.06, 0, 0, 0, 0])))
    assert aside.light < 0.5 * here.light and aside.centred < 0.1


def test_what_is_not_in_the_image_is_not_compared(room: Room) -> None:
    behind = room.poses[INDEX] @ exp_se3(np.array([0, np.pi, 0, 0, 0, 0]))
    assert seen(room, behind).seen < 0.05
