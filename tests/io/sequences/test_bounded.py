"""Large frames are worked on at a bounded size, and keep where things are."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from mapper.core.camera_noise import CameraNoise
from mapper.core.depth_noise import LIDAR
from mapper.core.frame import Frame
from mapper.core.intrinsics import Intrinsics
from mapper.io.sequences.bounded import (
    BoundedSequence,
    bounded_frame,
    bounded_size,
    reduced_depth,
)
from mapper.io.sequences.fingerprint import fingerprint
from mapper.io.sequences.open_sequence import open_sequence

CAMERA = Intrinsics(400.0, 410.0, 199.5, 149.5, 400, 300)


@pytest.mark.parametrize(
    ("size", "max_side", "expected"),
    [
        ((4000, 3000), 1280, (1280, 960)),
        ((3000, 4000), 1280, (960, 1280)),
        ((640, 480), 1280, (640, 480)),
        ((4000, 3000), 0, (4000, 3000)),
        ((5000, 1), 100, (100, 1)),
    ],
)
def test_the_longer_side_is_bounded(
    size: tuple[int, int], max_side: int, expected: tuple[int, int]
) -> None:
    assert bounded_size(*size, max_side) == expected


def test_a_point_keeps_its_place_in_colour_and_depth() -> None:
    image = np.zeros((300, 400, 3), np.uint8)
    image[120:140, 200:220] = 255
    depth = np.full((300, 400), 2.0, np.float32)
    depth[120:140, 200:220] = 1.0
    small = bounded_frame(Frame(3, 0.5, image, depth, CAMERA), 100)
    assert small.depth is not None and small.intrinsics is not None
    assert small.image.shape == (75, 100, 3) and small.index == 3
    for picture in (small.image[..., 0] > 127, small.depth == 1.0):
        rows, columns = np.nonzero(picture)
        assert len(rows) == 25
        x = (columns.mean() - small.intrinsics.cx) / small.intrinsics.fx
        y = (rows.mean() - small.intrinsics.cy) / small.intrinsics.fy
        assert x == pytest.approx((209.5 - 199.5) / 400) and y == pytest.approx(-20 / 410)


def test_depth_is_never_averaged_and_a_single_reading_is_kept() -> None:
    depth = np.where(np.arange(90)[None] < 46, np.float32(1), np.float32(3)).repeat(60, 0)
    assert set(np.unique(reduced_depth(depth, 30, 20))) == {1.0, 3.0}
    holes = np.zeros((60, 90), np.float32)
    holes[0, 89], holes[30, 45] = 2.5, np.nan
    reduced = reduced_depth(holes, 30, 20)
    assert reduced[0, 29] == 2.5 and np.count_nonzero(reduced) == 1


def test_a_frame_within_the_bound_is_the_same_object() -> None:
    frame = Frame(0, 0.0, np.zeros((30, 40, 3), np.uint8))
    assert bounded_frame(frame, 40) is frame


def test_a_sequence_says_both_sizes_and_stays_the_same_input(tum: Path) -> None:
    stored = open_sequence(tum)
    assert stored.intrinsics is not None
    width, height = stored.intrinsics.width, stored.intrinsics.height
    sequence = BoundedSequence(stored, width // 2)
    assert sequence.original == (width, height) and sequence.size == (width // 2, height // 2)
    frame = sequence[0]
    assert frame.intrinsics == sequence.intrinsics == stored.intrinsics.resized(*sequence.size)
    assert frame.image.shape[1] == width // 2 and len(sequence) == len(stored)
    assert fingerprint(sequence.stored) == fingerprint(stored)
    assert frame.noise is None
    known = BoundedSequence(stored, 0, CameraNoise("lidar", LIDAR, "as asked"))
    assert known[0].noise == LIDAR


def test_without_intrinsics_the_first_frame_tells_the_size(video: Path) -> None:
    stored = open_sequence(video)
    height, width = stored[0].image.shape[:2]
    assert BoundedSequence(stored, 16).original == (width, height)
