"""Small depth at an image's size: straight on a surface, cut at edges, nothing where none was."""

from __future__ import annotations

import numpy as np
import pytest

from mapper.errors import InputError
from mapper.io.sequences.captures.depth_sampling import confident, depth_at_size, working_side


def test_a_slanted_plane_stays_straight() -> None:
    small = np.tile(1 + 0.01 * np.arange(16, dtype=np.float32), (12, 1))
    large = depth_at_size(small, (64, 48), "depth")
    columns = (np.arange(64) + 0.5) / 4 - 0.5  # of the pixels' middles in the small image
    inner = slice(8, -8)
    np.testing.assert_allclose(large[24, inner], 1 + 0.01 * columns[inner], atol=1e-5)


def test_an_edge_has_no_depth_in_between() -> None:
    small = np.ones((12, 16), np.float32)
    small[:, 8:] = 3
    small[5, 4] = 0
    large = depth_at_size(small, (64, 48), "depth")
    assert set(np.unique(large).tolist()) == {0, 1, 3}
    assert (large == 0).sum() == 16 and (large[20:24, 16:20] == 0).all()


def test_larger_depth_is_sampled_and_another_view_refused() -> None:
    large = np.arange(48 * 64, dtype=np.float32).reshape(48, 64) + 1
    assert set(depth_at_size(large, (16, 12), "a.png").ravel()) <= set(large.ravel())
    with pytest.raises(InputError, match=r"a.png: depth of 64x48 for an image of 48x48"):
        depth_at_size(large, (48, 48), "a.png")


def test_confidence_of_another_size_is_refused() -> None:
    with pytest.raises(InputError, match="confidence of 3x2 for depth of 4x2"):
        confident(np.ones((2, 4), np.float32), np.ones((2, 3), np.uint8), "c.png")


def test_the_size_to_work_at() -> None:
    assert working_side(1920, 256) == 640
    assert working_side(1296, 640) == 640
    assert working_side(320, 256) == 320
    assert working_side(256, 256) is None
