"""The focal length of pairs of images, and where they cannot tell it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from mapper.core.frame import Frame
from mapper.core.intrinsics import Intrinsics
from mapper.frontends.mono.calibration.focal_finder import FocalFinder
from mapper.frontends.mono.calibration.focal_sum import GUESS, FocalSum
from mapper.frontends.mono.calibration.known import KnownCamera, Source
from mapper.frontends.mono.calibration.search import CameraSearch
from mapper.frontends.mono.findings import Findings
from mapper.frontends.mono.geometry.lens import Lens
from mapper.frontends.mono.geometry.motion import moved_pose
from mapper.frontends.mono.tracking.flow import FlowTracker
from mapper.frontends.mono.tracking.levels import Levels
from tests.support.room_views import Room
from tests.support.sparse_scene import pixels_of

WINDOWS = 30


def summed(focal: float, flat: bool = False, turning: bool = False) -> FocalSum:
    """Of windows with half a pixel of noise."""
    lens, found = Lens.guessed(focal, 640, 480), FocalSum(640, 480)
    rng = np.random.default_rng(2)
    for _ in range(WINDOWS):
        count = 250
        z = np.full(count, 2.5) if flat else rng.uniform(1.2, 5, count)
        rays = lens.rays(rng.uniform([40, 40], [600, 440], (count, 2)))
        points = np.column_stack([rays * z[:, None], z])
        twist = np.concatenate([rng.normal(0, 0.08, 3), rng.normal(0, 0.25, 3)])
        if turning:
            twist[3:] = 0
        T = moved_pose(twist, np.eye(3, 4))
        seen = [pixels_of(lens, P, points) for P in (np.eye(3, 4), T)]
        noisy = [pixels + 0.5 * rng.standard_normal(pixels.shape) for pixels in seen]
        found.add(*noisy)
    return found


@pytest.mark.parametrize("focal", [420.0, 525.0, 900.0])
def test_many_windows_tell_the_focal_length(focal: float) -> None:
    found = summed(focal).found()
    assert found.is_known and found.windows > 20
    assert found.pixels == pytest.approx(focal, rel=0.03)
    assert 0 < found.spread < 0.4


@pytest.mark.parametrize(("flat", "turning"), [(True, False), (False, True)])
def test_planes_and_rotations_tell_nothing(flat: bool, turning: bool) -> None:
    found = summed(525.0, flat, turning).found()
    assert not found.is_known
    assert found.pixels == pytest.approx(GUESS * 640) and found.spread == 0


def test_a_walk_tells_it(room: Room) -> None:
    finder = FocalFinder(FlowTracker(), 320, 240)
    for index in range(60, 110):
        finder.offer(Levels.of(room.frame(index).image, 320, 240))
    found = finder.found()
    assert found.windows >= 5
    if found.is_known:
        assert found.pixels == pytest.approx(room.intrinsics.fx, rel=0.15)


def test_what_is_known_of_a_camera_is_said_and_held_on_to() -> None:
    given = KnownCamera.given(Intrinsics(800, 800, 639.5, 359.5, 1280, 720), 640, 360)
    assert given.lens.fx == pytest.approx(400) and given.lens.cx == pytest.approx(319.5)
    found = KnownCamera.found(summed(525.0).found(), 640, 480)
    guessed = KnownCamera.found(FocalSum(640, 480).found(), 640, 480)
    assert (found.source, guessed.source) == (Source.FOUND, Source.GUESSED)
    assert given.prior.sigma < found.prior.sigma < guessed.prior.sigma
    assert "given" in given.in_words
    assert "pairs of images" in found.in_words and "guessed" in guessed.in_words


@pytest.mark.parametrize(("width", "height"), [(640, 480), (480, 640)])
def test_a_focal_length_from_exif_is_a_start_and_ends_the_search(width: int, height: int) -> None:
    """It is not held on to as a given camera is; a camera that is given goes before it."""
    image = np.zeros((height, width, 3), np.uint8)
    frame = Frame(0, 0.0, image, exif_focal=0.75)
    search = CameraSearch(FlowTracker(), 0.0)
    found = search.offer(Levels.of(image, width, height), frame)
    assert found is not None and found.source == Source.EXIF
    assert found.lens == Lens.guessed(480.0, width, height)
    given = Intrinsics(525, 525, width / 2, height / 2, width, height)
    assert KnownCamera.given(given, width, height).prior.sigma < found.prior.sigma
    assert "focal length from EXIF" in Findings(found).notes()[0]
    known = search.offer(Levels.of(image, width, height), replace(frame, intrinsics=given))
    assert known is not None and known.source == Source.GIVEN
    nothing = search.offer(Levels.of(image, width, height), replace(frame, exif_focal=None))
    assert nothing is None
