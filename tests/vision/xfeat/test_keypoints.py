"""Keypoints are peaks of their map, and descriptors are read where they lie."""

from __future__ import annotations

import numpy as np
import pytest

from mapper.vision.xfeat.keypoints import MIN_SCORE, best_keypoints, keypoint_scores, sampled

FLAT = np.zeros((65, 3, 4), np.float32)
SURE = np.ones((3, 4), np.float32)  # as reliable as can be


def test_each_pixel_has_its_share_of_its_cell() -> None:
    logits = FLAT.copy()
    logits[8 * 3 + 5, 1, 2] = 20.0  # row 3 and column 5 of a cell
    scores = keypoint_scores(logits)
    assert scores.shape == (24, 32)
    assert scores[8 + 3, 16 + 5] == pytest.approx(1.0, abs=1e-6)
    assert scores[0, 0] == pytest.approx(1 / 65)
    logits[64] = 20.0  # there is no keypoint anywhere
    assert keypoint_scores(logits)[:8].max() < 1e-6


def test_peaks_are_found_the_best_first_and_no_more_than_asked() -> None:
    scores = np.zeros((24, 32), np.float32)
    for row, column, score in ((5, 6, 0.4), (5, 8, 0.3), (12, 20, 0.9), (13, 9, 0.2)):
        scores[row, column] = score
    pixels, worth = best_keypoints(scores, SURE, 10)  # the one beside a better one is none
    assert pixels.tolist() == [[20, 12], [6, 5], [9, 13]]
    np.testing.assert_allclose(worth, [0.9, 0.4, 0.2], rtol=1e-6)
    assert best_keypoints(scores, SURE, 1)[0].tolist() == [[20, 12]]


def test_a_reliable_descriptor_is_worth_more_than_a_clear_corner() -> None:
    scores = np.zeros((24, 32), np.float32)
    scores[12, 4], scores[12, 27] = 0.5, 0.6
    doubtful = SURE.copy()
    doubtful[:, 2:] = 0.1
    assert best_keypoints(scores, doubtful, 1)[0].tolist() == [[4, 12]]


def test_what_is_faint_level_or_at_the_border_is_no_keypoint() -> None:
    scores = np.zeros((24, 32), np.float32)
    scores[12, 12] = MIN_SCORE  # not above it
    scores[5, 5:7] = 0.5  # two alike
    scores[1, 20] = scores[20, 30] = 0.9  # their surroundings leave the image
    pixels, worth = best_keypoints(scores, SURE, 10)
    assert pixels.shape == (0, 2) and worth.shape == (0,)


@pytest.mark.parametrize(("cubic", "off"), [(False, 1e-5), (True, 0.05)])
def test_a_plane_is_read_between_its_pixels_and_fades_beyond_the_border(
    cubic: bool, off: float
) -> None:
    rows, columns = np.indices((6, 8), dtype=np.float32)
    maps = np.stack([rows, 3 * columns + rows])
    size, pixels = (48, 64), np.array([[20, 24], [40, 30]])
    u, v = pixels[:, 0] * 8 / 63 - 0.5, pixels[:, 1] * 6 / 47 - 0.5
    np.testing.assert_allclose(
        sampled(maps, pixels, size, cubic), np.column_stack([v, 3 * u + v]), atol=off
    )
    level = sampled(np.ones((1, 6, 8), np.float32), pixels, size, cubic)
    np.testing.assert_allclose(level, 1, atol=1e-6)
    corner = sampled(np.ones((1, 6, 8), np.float32), np.array([[0, 0]]), size, False)
    assert corner[0, 0] == pytest.approx(0.25)  # a quarter of it lies in the map
