"""What of a frame the tracker looks at."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from mapper.core.depth_noise import LIDAR, STEREO, STRUCTURED_LIGHT, DepthNoise
from mapper.frontends.rgbd.view import FAR, NEAR, View
from mapper.vision.orb import OrbMatcher

DEPTHS = np.arange(0.5, 60.0, 0.5, dtype=np.float32)


@pytest.mark.parametrize("noise", [STRUCTURED_LIGHT, STEREO, LIDAR, DepthNoise(0.001, 0.0, 2e-4)])
def test_readings_count_as_far_as_they_say_something(room, noise: DepthNoise) -> None:
    """A pair of cameras on a car sees far; the same range would be noise of one on a desk."""
    frame = room.frame(0)
    depth = np.tile(DEPTHS, (frame.depth.shape[0], 1))
    depth = np.pad(depth, ((0, 0), (0, frame.depth.shape[1] - len(DEPTHS))))
    view = View.of(dataclasses.replace(frame, depth=depth, noise=noise), OrbMatcher())
    kept = view.depth[0, : len(DEPTHS)] > 0
    known = (DEPTHS <= NEAR) | (np.array([noise.sigma(float(z)) for z in DEPTHS]) <= FAR)
    assert kept.tolist() == known.tolist()
    assert not kept.all()


def test_where_the_map_reaches_further_so_does_the_tracker(room) -> None:
    frame = dataclasses.replace(room.frame(0), depth=np.full_like(room.frame(0).depth, 20.0))
    assert not View.of(frame, OrbMatcher()).depth.any()
    assert View.of(frame, OrbMatcher(), 30.0).depth.all()
