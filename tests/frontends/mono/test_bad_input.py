"""Videos as people have them: a right map, or a sentence that says why there is none."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import cv2
import numpy as np
import pytest

from mapper.core.frame import Frame
from mapper.frontends.mono.mapping.record import Record
from mapper.frontends.mono.tracking.levels import WORKED_ON, worked_size
from mapper.io.sequences.open_sequence import open_sequence
from mapper.io.sequences.sequence import Sequence
from tests.frontends.mono.test_frontend import ate
from tests.frontends.mono.test_hard_cases import mapped

FIRST, FRAMES = 60, 45


@pytest.fixture(scope="module")
def walk(sample: Path) -> Sequence:
    return open_sequence(sample)


def frames(walk: Sequence, places: range) -> list[Frame]:
    """Whose camera nobody knows."""
    return [replace(walk[k], depth=None, intrinsics=None) for k in places]


def upright(image: np.ndarray, _: np.ndarray) -> np.ndarray:
    """Of a telephone held on end: what lies beside the middle is not in the picture."""
    return np.ascontiguousarray(image[:, 70:250])


def grey(image: np.ndarray, _: np.ndarray) -> np.ndarray:
    return np.repeat(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)[..., None], 3, 2)


def between_bars(image: np.ndarray, _: np.ndarray) -> np.ndarray:
    barred = image.copy()
    barred[:30] = barred[-30:] = 0
    return barred


def interlaced(image: np.ndarray, following: np.ndarray) -> np.ndarray:
    both = image.copy()
    both[1::2] = following[1::2]
    return both


@pytest.mark.parametrize("spoilt", [upright, grey, between_bars, interlaced])
def test_such_a_video_becomes_a_right_map(
    walk: Sequence, spoilt: Callable[[np.ndarray, np.ndarray], np.ndarray]
) -> None:
    seen = frames(walk, range(FIRST, FIRST + FRAMES + 1))
    given = [
        replace(frame, image=spoilt(frame.image, following.image))
        for frame, following in pairwise(seen)
    ]
    frontend, found, _ = mapped(given)
    assert len(found) >= 0.9 * FRAMES, frontend.explain()
    assert ate(found, walk, FIRST) < 0.02


@pytest.mark.parametrize(
    ("places", "says"),
    [
        (range(FIRST, FIRST + 5), "did not move enough"),
        (range(0, 240, 30), "too far apart"),
    ],
)
def test_such_a_video_is_no_map_and_it_is_said_why(
    walk: Sequence, places: range, says: str
) -> None:
    frontend, found, _ = mapped(frames(walk, places))
    assert not found and says in frontend.explain()


def test_a_still_that_lasts_is_no_map(walk: Sequence) -> None:
    frontend, found, _ = mapped([walk[FIRST]] * 40)
    assert not found and "did not move" in frontend.explain()


def test_slides_that_stand_for_a_while_are_told_from_a_camera_that_stands(walk: Sequence) -> None:
    slides = [walk[place] for place in (0, 60, 120, 180) for _ in range(12)]
    frontend, found, _ = mapped(slides)
    assert not found
    assert "change at once, 3 times" in frontend.explain() and "sfm" in frontend.explain()


def test_4k_is_worked_on_at_a_bounded_size() -> None:
    size = worked_size(3840, 2160)
    assert size[0] * size[1] <= 1.01 * WORKED_ON and size[0] / size[1] == pytest.approx(
        16 / 9, rel=0.01
    )
    image = np.zeros((2160, 3840, 3), np.uint8)
    record = Record.of(Frame(0, 0.0, image), size, (320, 180))
    assert record.grey is not None and record.grey.shape == size[::-1]
    assert record.image is not None and record.image.shape == (180, 320, 3)
