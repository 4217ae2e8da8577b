"""Keyframes that are made to forget what ties them to earlier ones find it again."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from mapper.frontends.mono.mapping import loops
from mapper.frontends.mono.mapping.keyframe_features import KeyframeFeatures
from mapper.frontends.mono.mapping.keyframes import SHARED
from mapper.frontends.mono.mapping.loops import find_loops, observe_loops
from mapper.frontends.mono.mapping.points import POINT
from mapper.frontends.mono.mapping.segment import Segment
from mapper.io.sequences.open_sequence import open_sequence
from mapper.vision.orb import OrbMatcher
from tests.frontends.mono.mapping.test_segment import begun

FIRST, FRAMES = 60, 40


@pytest.fixture
def tracked(sample: Path) -> Segment:
    walk = open_sequence(sample)
    segment, rest = begun(walk, [walk[k] for k in range(FIRST, FIRST + FRAMES)])
    assert all(segment.track(each) is None for each in rest)
    return segment


def split(segment: Segment) -> dict[tuple[int, int], np.ndarray]:
    """The second half of the keyframes sees nothing of the first half's points any more; the
    pixels where it did, by keyframe and point."""
    points = segment.map.points
    keyframes = sorted(segment.map.keyframes, key=lambda k: k.frame_index)
    half = len(keyframes) // 2
    early = np.unique(np.concatenate([k.ids for k in keyframes[:half]]))
    forgotten = {}
    for keyframe in keyframes[half:]:
        gone = np.isin(keyframe.ids, early)
        alive = gone & (points.state[keyframe.ids] == POINT)
        rows = zip(keyframe.ids[alive].tolist(), keyframe.pixels[alive], strict=True)
        forgotten.update({(keyframe.number, point): pixel for point, pixel in rows})
        keyframe.keep(~gone)
    return forgotten


def test_points_of_another_time_are_seen_again_where_they_were(
    tracked: Segment, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(loops, "APART", 3)
    monkeypatch.setattr(loops, "EVERY", 1)
    forgotten = split(tracked)
    found = find_loops(tracked.map, KeyframeFeatures(OrbMatcher()))
    assert found
    errors = [
        np.linalg.norm(pixel - forgotten[loop.later, point])
        for loop in found
        for point, pixel in zip(loop.ids.tolist(), loop.pixels, strict=True)
        if (loop.later, point) in forgotten
    ]
    assert len(errors) >= 40 and np.median(errors) < 0.5 and np.mean(np.array(errors) > 3) < 0.05
    for number in {loop.later for loop in found}:  # no point twice
        mine = np.concatenate([loop.ids for loop in found if loop.later == number])
        assert len(np.unique(mine)) == len(mine)


def test_keyframes_tied_by_what_was_tracked_are_no_loops(
    tracked: Segment, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(loops, "APART", 1)
    features = KeyframeFeatures(OrbMatcher())
    for loop in find_loops(tracked.map, features):
        earlier, later = (tracked.map.keyframes[n].ids for n in (loop.earlier, loop.later))
        shared = earlier[np.isin(earlier, later)]
        assert (tracked.map.points.state[shared] == POINT).sum() < SHARED


def test_what_is_seen_again_is_seen_once(tracked: Segment, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loops, "APART", 3)
    monkeypatch.setattr(loops, "EVERY", 1)
    split(tracked)
    found = find_loops(tracked.map, KeyframeFeatures(OrbMatcher()))
    for _ in range(2):
        observe_loops(tracked.map, found)
        for keyframe in tracked.map.keyframes:
            assert len(np.unique(keyframe.ids)) == len(keyframe.ids)
