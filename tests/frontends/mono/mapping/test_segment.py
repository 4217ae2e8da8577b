"""Images of the sample room tracked forth and back in one map."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import cv2
import numpy as np
import pytest

from mapper.core.frame import Frame
from mapper.core.geometry import umeyama
from mapper.frontends.mono.geometry.lens import Lens
from mapper.frontends.mono.mapping.following import MIN_INLIERS, Follower, Unplaced
from mapper.frontends.mono.mapping.points import GONE, POINT
from mapper.frontends.mono.mapping.record import Record
from mapper.frontends.mono.mapping.segment import MIN_APART, Segment
from mapper.frontends.mono.tracking.flow import FlowTracker
from mapper.frontends.mono.tracking.levels import Levels
from mapper.frontends.mono.tracking.starting import Starter
from mapper.io.sequences.open_sequence import open_sequence
from mapper.io.sequences.sequence import Sequence

FIRST, FRAMES = 60, 40


@pytest.fixture(scope="module")
def walk(sample: Path) -> Sequence:
    return open_sequence(sample)


def record(frame: Frame, index: int) -> Record:
    height, width = frame.image.shape[:2]
    return Record(index, frame.timestamp, None, Levels.of(frame.image, width, height).grey)


def begun(walk: Sequence, frames: list[Frame]) -> tuple[Segment, list[Record]]:
    """A segment at its start, and the records that come after."""
    assert walk.intrinsics is not None
    lens, flow = Lens.of(walk.intrinsics), FlowTracker()
    records = [record(frame, k) for k, frame in enumerate(frames)]
    starter = Starter(flow)
    for place, each in enumerate(records):
        found = starter.offer(each.levels, each.timestamp, lens)
        if found is not None:
            segment = Segment(lens, Follower(flow, 1000), found, records[: place + 1])
            return segment, records[place + 1 :]
    raise AssertionError("nothing began")


@pytest.fixture(scope="module")
def tracked(walk: Sequence) -> Segment:
    segment, rest = begun(walk, [walk[k] for k in range(FIRST, FIRST + FRAMES)])
    assert all(segment.track(each) is None for each in rest)
    return segment


def off(segment: Segment, walk: Sequence) -> float:
    """ATE in metres of all that is placed, up to scale."""
    assert walk.ground_truth is not None
    placed = [r for r in segment.records if r.T is not None]
    poses = [r.T for r in placed if r.T is not None]
    mine = np.stack([-T[:, :3].T @ T[:, 3] for T in poses])
    truth = walk.ground_truth.T_world_camera[[FIRST + r.index for r in placed]][:, :3, 3]
    scale, T = umeyama(mine, truth, with_scale=True)
    return float(np.sqrt(((scale * mine @ T[:3, :3].T + T[:3, 3] - truth) ** 2).sum(1).mean()))


def test_frames_before_between_and_after_the_start_are_placed(
    tracked: Segment, walk: Sequence
) -> None:
    assert [r.index for r in tracked.records] == list(range(FRAMES))
    assert all(r.T is not None for r in tracked.records)
    assert tracked.records[0].T is not None and off(tracked, walk) < 0.01


def test_images_are_let_go_once_they_are_tracked(tracked: Segment) -> None:
    assert all(r.grey is None for r in tracked.records)


def test_keyframes_are_apart_and_stand_where_their_frames_do(tracked: Segment) -> None:
    keyframes = [r for r in tracked.records if r.keyframe is not None]
    assert len(keyframes) == len(tracked.map.keyframes) >= 6
    # The start's four views are as close as they are.
    made = sorted(k.frame_index for k in tracked.map.keyframes if k.number >= 4)
    assert all(b - a >= MIN_APART for a, b in pairwise(made))
    tracked.place_again(tracked.records)
    for each in keyframes:
        assert each.keyframe is not None and each.T is not None
        assert tracked.map.keyframes[each.keyframe].frame_index == each.index
        assert np.array_equal(each.T, tracked.map.keyframes[each.keyframe].T)


def test_black_image_is_unplaced_and_the_next_goes_on(walk: Sequence) -> None:
    segment, rest = begun(walk, [walk[k] for k in range(FIRST, FIRST + 30)])
    for each in rest[:3]:
        assert segment.track(each) is None
    newest = segment.newest
    dark = replace(walk[0], image=np.zeros_like(walk[0].image))
    unplaced = segment.track(record(dark, 99))
    assert isinstance(unplaced, Unplaced) and "points" in unplaced.reason
    assert segment.newest is newest and segment.records[-1].grey is not None
    assert segment.track(rest[3]) is None  # next to the last one that was placed
    assert [r.T is None for r in segment.records[-2:]] == [True, False]


def test_an_image_of_elsewhere_is_unplaced(tracked: Segment, walk: Sequence) -> None:
    mirrored = replace(walk[FIRST], image=np.ascontiguousarray(cv2.flip(walk[FIRST].image, -1)))
    follower = Follower(FlowTracker(), 1000)
    assert tracked.newest is not None
    found = follower.follow(tracked.map, tracked.newest.track, _levels(mirrored), 2.0)
    assert isinstance(found, Unplaced)


def _levels(frame: Frame) -> Levels:
    height, width = frame.image.shape[:2]
    return Levels.of(frame.image, width, height)


def test_a_map_that_grows_is_deeper_than_it_was_told(walk: Sequence) -> None:
    segment, _ = begun(walk, [walk[k] for k in range(FIRST, FIRST + 20)])
    told = next(r for r in segment.records if r.keyframe == 0)
    assert segment.rescaled(told) == 1.0  # nothing was told
    segment.note_depths(told)
    segment.map.points.scale(1.25)
    for keyframe in segment.map.keyframes:
        keyframe.T = np.column_stack([keyframe.T[:, :3], 1.25 * keyframe.T[:, 3]])
    segment.place_again([told])
    assert segment.rescaled(told) == pytest.approx(1.25, rel=1e-6)


def test_a_frame_whose_points_turned_out_wrong_has_no_place(walk: Sequence) -> None:
    segment, _ = begun(walk, [walk[k] for k in range(FIRST, FIRST + 20)])
    frame = next(r for r in segment.records if r.keyframe is None and r.T is not None)
    assert frame.ids is not None
    points = [i for i in frame.ids if segment.map.points.state[i] == POINT]
    segment.map.points.drop(np.array(points[MIN_INLIERS - 1 :]))
    assert (segment.map.points.state[points] == GONE).sum() == len(points) - MIN_INLIERS + 1
    segment.place_again([frame])
    assert frame.T is None
