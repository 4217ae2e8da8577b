"""Motions between keyframes by another sensor's odometry: a robot's wheels, a phone's tracking."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Final

import numpy as np

from mapper.backend.graph.priors import MotionPrior, PosePrior
from mapper.core.geometry import inverse, pose, rotation_angle

LEAST_M: Final = 0.002  # that a step is off, however short it is
LEAST_RAD: Final = np.radians(0.05)


def motions_of(name: str, placed: Sequence[PosePrior]) -> list[MotionPrior]:
    """From one keyframe to the next, by the first reading of each. placed: readings by keyframe,
    in the order of time; sigma and sigma_rad are those of a metre of the way."""
    first: dict[int, PosePrior] = {}
    for prior in placed:
        first.setdefault(prior.keyframe, prior)
    ends = list(first.values())
    return [_motion(name, *pair) for pair in pairwise(ends)]


def _motion(name: str, first: PosePrior, second: PosePrior) -> MotionPrior:
    T = inverse(_pose(first)) @ _pose(second)
    way, turn = float(np.linalg.norm(T[:3, 3])), rotation_angle(T[:3, :3])
    # A tenth of a turn's share: what scales with the way scales with turning on the spot too.
    metres = max(first.sigma * way, LEAST_M)
    radians = max(first.sigma_rad * (way + turn), LEAST_RAD)
    return MotionPrior(
        name,
        first.keyframe,
        first.S_keyframe_camera,
        second.keyframe,
        second.S_keyframe_camera,
        T,
        np.array([radians] * 3 + [metres] * 3),
    )


def _pose(prior: PosePrior) -> np.ndarray:
    assert prior.position is not None and prior.R_source_camera is not None
    return pose(prior.R_source_camera, prior.position)


def metre_of(motions: Sequence[MotionPrior], poses: Mapping[int, np.ndarray]) -> float:
    """How long a metre is in the map, by the ways between keyframes; 1 where nothing moved."""
    ratios = []
    for motion in motions:
        ends = [
            (poses[k] @ S)[:3, 3]
            for k, S in ((motion.i, motion.S_i_camera), (motion.j, motion.S_j_camera))
        ]
        metres = float(np.linalg.norm(motion.T_first_second[:3, 3]))
        if metres > 2 * LEAST_M:
            ratios.append(float(np.linalg.norm(ends[1] - ends[0])) / metres)
    return float(np.median(ratios)) if ratios else 1.0
