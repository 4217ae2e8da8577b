"""How a camera came to the first view that it lost, when that is known, only not well enough."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

import numpy as np

from mapper.core.geometry import orthonormalised
from mapper.frontends.rgbd.config import RgbdConfig
from mapper.frontends.rgbd.placement import place
from mapper.frontends.rgbd.track import Track
from mapper.frontends.rgbd.view import View

LEAST_LIGHT: Final = 0.5  # correlation of details: surfaces alone are as good wherever they slide


def guess(track: Track, view: View, config: RgbdConfig) -> np.ndarray | None:
    """T_world_camera (4, 4) of a view that comes right after the track was sure; None where the
    views and the motion before them say too little even for a guess, or where something else moves:
    lost views may follow that.

    No place for others to be measured by: errors of guesses add up. But where a whole run of lost
    views follows, which are known well among themselves, one guess ties all of them to the map.
    """
    moves = track.last.leaves_out
    if track.lost_frames or moves or not view.has_depth(config.min_depth_ratio):
        return None
    evidence = replace(config.evidence, min_probability=config.evidence.clear_probability)
    looser = replace(
        config,
        evidence=evidence,
        lost_translation=config.guessed_translation,
        lost_rotation=config.guessed_rotation,
    )
    found = place(track, view, looser)
    if found is None or found.light < LEAST_LIGHT or found.leaves_out:
        return None
    return orthonormalised(track.reference.T_world_camera @ found.T_reference_camera)
