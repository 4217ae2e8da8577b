"""Of many sessions those are compared that look alike."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import numpy as np

from mapper.backend.keyframes.keyframe import Keyframe, TrackedFrame
from mapper.backend.sessions.retrieval import NEIGHBOURS, likely_pairs, likeness
from mapper.backend.sessions.session import Session
from mapper.core.intrinsics import Intrinsics
from mapper.vision.local_features import LocalFeatures

SEEN = 60  # features of a place
VIEWS = 3  # of each place that a session sees


def place(number: int) -> np.ndarray:
    """uint8 (SEEN, 32): what is seen there."""
    return np.random.default_rng(number).integers(0, 256, (SEEN, 32), np.uint8)


def session(number: int, places: Sequence[int]) -> Session:
    """Sees each of the places from VIEWS views."""
    rng, keyframes = np.random.default_rng(1000 + number), []
    for view, where in enumerate(p for p in places for _ in range(VIEWS)):
        descriptors = place(where)
        noise = rng.random(descriptors.shape) < 0.02  # of the bytes differ
        descriptors = np.where(noise, descriptors ^ np.uint8(1), descriptors)
        keyframe_id = 1000 * number + view
        pixels, points = np.zeros((SEEN, 2), np.float32), np.zeros((SEEN, 3), np.float32)
        keyframes.append(
            Keyframe(
                keyframe_id,
                number,
                np.eye(4),
                LocalFeatures(pixels, descriptors, points),
                Intrinsics(1, 1, 0, 0, 1, 1),
                [TrackedFrame(0, 0.0, np.eye(4))],
            )
        )
    return Session(f"{number}", keyframes, {k.id: np.eye(4) for k in keyframes}, [], True)


def test_a_few_are_all_compared_whatever_they_look_like() -> None:
    sessions = [session(n, [n]) for n in range(4)]
    assert likely_pairs(sessions) == list(itertools.combinations(range(4), 2))


def test_of_many_in_a_ring_each_meets_its_neighbours_first() -> None:
    count = 20
    sessions = [session(n, [n, (n + 1) % count]) for n in range(count)]
    alike = likeness(sessions)
    ring = {(n, n + 1) for n in range(count - 1)} | {(0, count - 1)}
    best = sorted(alike, key=lambda pair: -alike[pair])[:count]
    assert set(best) == ring
    pairs = likely_pairs(sessions)
    assert ring <= set(pairs)
    assert len(pairs) <= count * NEIGHBOURS < count * (count - 1) / 2


def test_what_looks_like_nothing_else_is_compared_with_nothing_at_first() -> None:
    sessions = [session(n, [0]) for n in range(5)] + [session(5, [77])]
    assert all(b != 5 for _, b in likely_pairs(sessions))
    assert set(itertools.combinations(range(5), 2)) <= set(likely_pairs(sessions))
