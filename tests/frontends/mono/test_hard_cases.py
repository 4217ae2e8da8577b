"""What looks like a walk and is none, and walks that break off."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from mapper.core.frame import Frame
from mapper.core.prediction import Prediction
from mapper.frontends.base import TrackingState
from mapper.frontends.mono.config import MonoConfig
from mapper.frontends.mono.frontend import MonoFrontend
from mapper.io.sequences.open_sequence import open_sequence

NO_DEPTH = MonoConfig(depth_width=32, planes=8)


@pytest.fixture(scope="module")
def walk(sample: Path) -> list[Frame]:
    sequence = open_sequence(sample)
    return [replace(sequence[i], depth=None) for i in range(60, 200)]


def mapped(frames: list[Frame]) -> tuple[MonoFrontend, list[Prediction], int]:
    """And how many frames are lost in the end."""
    frontend, found, lost = MonoFrontend(NO_DEPTH), list[Prediction](), 0
    for index, frame in enumerate(frames):
        found += frontend.step(replace(frame, index=index))
        lost += int(frontend.state == TrackingState.LOST) - frontend.recovered
    found += frontend.flush()
    return frontend, found, lost - frontend.recovered


def with_block(frame: Frame, index: int, width: int, height: int) -> Frame:
    """Something textured that moves through the image, of so many pixels."""
    rng = np.random.default_rng(1)
    coarse = rng.integers(0, 255, (height // 8, width // 8, 3), dtype=np.uint8)
    texture = cv2.resize(coarse, (width, height), interpolation=cv2.INTER_LINEAR)
    left = round(75 * (1 + np.sin(index / 9)))
    top = round(35 * (1 + np.cos(index / 7)))
    image = frame.image.copy()
    image[top : top + height, left : left + width] = texture
    return replace(frame, image=image)


def test_after_a_cut_the_lost_frames_begin_the_next_segment(walk: list[Frame]) -> None:
    _, found, lost = mapped([*walk[:45], *walk[95:140]])
    assert {p.segment for p in found} == {0, 1}
    assert lost == 90 - len({p.frame_index for p in found})
    assert sum(p.segment == 1 for p in found) > 38


def test_frames_lost_at_the_end_begin_a_segment_too(walk: list[Frame]) -> None:
    """They are too few to be given up as lost while more may come."""
    _, found, lost = mapped([*walk[:45], *walk[84:140:2]])
    assert {p.segment for p in found} == {0, 1}
    assert lost == 73 - len({p.frame_index for p in found})
    assert sum(p.segment == 1 for p in found) > 20


def test_a_small_thing_that_moves_is_not_the_world(walk: list[Frame]) -> None:
    _, found, lost = mapped([with_block(f, i, 80, 64) for i, f in enumerate(walk[:60])])
    assert len(found) > 50 and lost == 60 - len(found)


@pytest.mark.parametrize(("width", "height", "known"), [(168, 136, True), (150, 120, False)])
def test_a_large_thing_that_moves_is_no_map(
    walk: list[Frame], width: int, height: int, known: bool
) -> None:
    """It has many of the corners, so that its motion may be taken for the camera's; all else that
    is seen says no."""
    frames = [with_block(f, i, width, height) for i, f in enumerate(walk[:70])]
    if not known:
        frames = [replace(f, intrinsics=None) for f in frames]
    frontend, found, lost = mapped(frames)
    assert found == [] and lost == 70 and frontend.explain()


def test_a_camera_that_stands_makes_no_map_of_what_moves(walk: list[Frame]) -> None:
    frontend, found, lost = mapped([with_block(walk[0], i, 168, 136) for i in range(50)])
    assert found == [] and lost == 50
    assert frontend.explain()
