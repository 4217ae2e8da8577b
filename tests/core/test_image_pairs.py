"""The rollouts by hand, for as many images as show every rule."""

from __future__ import annotations

import numpy as np

from mapper.core.image_pairs import ImagePair, pair_indices, rollout_indices


def test_rollouts_are_all_in_a_row_then_every_second_one_both_ways() -> None:
    assert list(rollout_indices(4)) == [
        [0, 1, 2, 3],
        *([1, 3], [1]),
        *([2], [2, 0]),
        *([3], [3, 1]),
    ]
    assert list(rollout_indices(0)) == []
    assert list(rollout_indices(1)) == [[0]]


def test_pairs_go_forward_by_root_and_then_backward_by_the_other() -> None:
    assert pair_indices(4) == [(0, 1), (0, 2), (0, 3), (1, 3), (2, 0), (3, 1)]
    five = pair_indices(5)
    assert five[-4:] == [(2, 0), (4, 0), (3, 1), (4, 2)] and len(five) == 10


def test_a_pair_scores_the_product_of_its_mean_confidences() -> None:
    points = np.zeros((2, 2, 3), np.float32)
    confidences = [np.array([[1, 3], [5, 7]], np.float32), np.full((2, 2), 2.5, np.float32)]
    assert ImagePair(0, 1, points, confidences[0], points, confidences[1]).score == 10.0
