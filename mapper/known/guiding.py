"""What a frontend is told before the first frame: how many there are, and where they were."""

from __future__ import annotations

import numpy as np

from mapper.backend.priors.knowledge import Knowledge
from mapper.core.geometry import pose
from mapper.core.trajectory import Trajectory
from mapper.frontends.base import CountingFrontend, Frontend, GuidedFrontend


def tell_ahead(frontend: Frontend, frames: int, known: Knowledge) -> None:
    """Raises InputError or ConfigError where the frontend cannot do with that."""
    if isinstance(frontend, CountingFrontend):
        frontend.expect(frames)
    if isinstance(frontend, GuidedFrontend):
        frontend.guide(known_poses(known))


def known_poses(known: Knowledge) -> Trajectory | None:
    """T_world_camera by the frames' clock, in metres, of the first source that tells whole poses;
    None where none does, or its clock is still to be found."""
    for readings in known.readings:
        positions, rotations = readings.positions, readings.rotations
        if positions is None or rotations is None or not readings.is_metric or readings.clock_s:
            continue
        poses = [pose(R, t) for R, t in zip(rotations, positions, strict=True)]
        return Trajectory(readings.times, np.array(poses))
    return None
