"""Vectors are paired where each is the other's nearest, and near enough."""

from __future__ import annotations

import numpy as np

from mapper.vision.mutual_neighbours import mutual_neighbours


def at(*degrees: float) -> np.ndarray:
    angles = np.radians(degrees)
    return np.column_stack([np.cos(angles), np.sin(angles)]).astype(np.float16)


def test_only_mutual_nearest_neighbours_are_paired() -> None:
    # 10 and 14 in a are both nearest to 11 in b, whose nearest is 10.
    pairs = mutual_neighbours(at(10, 14, 80), at(82, 11), 0.9)
    assert pairs.tolist() == [[0, 1], [2, 0]]


def test_vectors_too_far_apart_are_not_paired() -> None:
    assert mutual_neighbours(at(0), at(24), np.cos(np.radians(25))).tolist() == [[0, 0]]
    assert len(mutual_neighbours(at(0), at(26), np.cos(np.radians(25)))) == 0


def test_with_nothing_there_are_no_pairs() -> None:
    for a, b in ((at(), at(1)), (at(1), at()), (at(), at())):
        assert mutual_neighbours(a, b, 0.5).shape == (0, 2)
