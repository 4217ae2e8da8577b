from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np
import pytest

from mapper.core.frame import Frame
from mapper.core.geometry import inverse, rotation_angle
from mapper.localization.localization import Localization, Reason
from mapper.localization.localizer import Localizer
from tests.support.room_views import Room
from tests.support.views.saved_room import room_landmarks

BETWEEN = 40  # a frame that is halfway between two keyframes


@pytest.fixture(scope="module")
def localizer(room: Room) -> Localizer:
    return Localizer(room_landmarks(room), 0)


def off(found: Localization, T: np.ndarray) -> tuple[float, float]:
    """Units and radians."""
    assert found.T_world_camera is not None, found.reason
    moved = inverse(T) @ found.T_world_camera
    return float(np.linalg.norm(moved[:3, 3])), rotation_angle(moved[:3, :3])


def colour(room: Room, index: int) -> Frame:
    return replace(room.frame(index), depth=None)


@pytest.mark.parametrize("index", [BETWEEN, 104, 200])
def test_a_photograph_is_placed_to_a_few_centimetres(
    room: Room, localizer: Localizer, index: int
) -> None:
    found = localizer.localize(colour(room, index))
    away, turned = off(found, room.poses[index])
    assert away < 0.03 and turned < 0.015
    assert not found.by_depth and not found.is_estimated and found.reason is None
    assert found.inliers >= 25 and len(found.keyframes) >= 1
    # What it says of itself is of the size of the error.
    assert away < 2.5 * found.sigma_translation and found.sigma_translation < 0.08


def test_its_own_depth_places_it_better(room: Room, localizer: Localizer) -> None:
    found = localizer.localize(room.frame(BETWEEN))
    away, turned = off(found, room.poses[BETWEEN])
    assert found.by_depth and away < 0.006 and turned < 0.003


def test_the_focal_length_is_found(room: Room, localizer: Localizer) -> None:
    frame = replace(colour(room, BETWEEN), intrinsics=None)
    found = localizer.localize(frame)
    assert found.is_estimated and found.intrinsics is not None
    assert found.intrinsics.fx == pytest.approx(room.intrinsics.fx, rel=0.03)
    assert off(found, room.poses[BETWEEN])[0] < 0.08


def test_an_image_of_another_size_gives_the_same_pose(room: Room, localizer: Localizer) -> None:
    frame = colour(room, BETWEEN)
    image = cv2.resize(frame.image, (480, 360), interpolation=cv2.INTER_CUBIC)
    larger = Frame(0, 0.0, image, None, room.intrinsics.resized(480, 360))
    small = Localizer(localizer.landmarks, 320).localize(larger)
    assert off(small, room.poses[BETWEEN])[0] < 0.02
    assert small.intrinsics is not None and small.intrinsics.width == 480


def test_a_map_without_a_unit_places_images_in_its_own(room: Room) -> None:
    found = Localizer(room_landmarks(room, scale=2.5), 0).localize(room.frame(BETWEEN))
    true = room.poses[BETWEEN].copy()
    true[:3, 3] *= 2.5
    assert off(found, true)[0] < 0.05
    assert not found.by_depth  # metres are of no use there


def test_a_blank_image_has_nothing_to_be_recognised_by(localizer: Localizer) -> None:
    blank = Frame(0, 0.0, np.full((240, 320, 3), 90, np.uint8), None, None)
    found = localizer.localize(blank)
    assert found.reason == Reason.FEATURELESS and not found.is_found
    assert found.sigma_translation == np.inf


def test_noise_is_nowhere(room: Room, localizer: Localizer) -> None:
    rng = np.random.default_rng(1)
    image = cv2.GaussianBlur(rng.integers(0, 255, (240, 320, 3), np.uint8), (0, 0), 1.0)
    found = localizer.localize(Frame(0, 0.0, image, None, room.intrinsics))
    assert found.T_world_camera is None and found.reason in (Reason.UNSEEN, Reason.FEW)


def test_one_piece_of_the_room_in_another_picture_is_not_enough(
    room: Room, localizer: Localizer
) -> None:
    """As a thing that stands in another room would be seen."""
    frame = colour(room, BETWEEN)
    rng = np.random.default_rng(2)
    image = cv2.GaussianBlur(rng.integers(0, 255, frame.image.shape, np.uint8), (0, 0), 2.0)
    image[60:150, 100:220] = frame.image[60:150, 100:220]
    assert localizer.localize(replace(frame, image=image)).T_world_camera is None
