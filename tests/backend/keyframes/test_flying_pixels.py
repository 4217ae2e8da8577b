"""What noise alone makes of a far wall is no flying pixel."""

from __future__ import annotations

import numpy as np

from mapper.backend.keyframes.flying_pixels import mask_unreliable
from mapper.core.depth_noise import STEREO


def test_a_far_noisy_wall_is_kept_where_its_noise_is_known() -> None:
    rng = np.random.default_rng(0)
    wall = (5 + STEREO.sigma(5.0) * rng.standard_normal((40, 50))).astype(np.float32)
    inside = (slice(1, -1), slice(1, -1))
    kept = [
        (mask_unreliable(wall, 0.05, step)[inside] > 0).mean() for step in (None, STEREO.times(4.0))
    ]
    assert kept[0] < 0.75 and kept[1] > 0.95


def test_a_step_above_the_noise_is_cut_all_the_same() -> None:
    depth = np.full((20, 30), 1.0, np.float32)
    depth[:, 15:], depth[:, 14] = 2.0, 1.5
    near, far = (mask_unreliable(depth, 0.05, STEREO.times(factor)) for factor in (0.0, 4.0))
    assert not far[:, 13:16].any()
    np.testing.assert_array_equal(near, far)
