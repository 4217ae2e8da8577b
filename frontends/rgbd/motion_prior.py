"""What the motion so far says of where the next frame is."""

from __future__ import annotations

from typing import Final

import numpy as np

from mapper.core.geometry import orthonormalised, rotation_angle
from mapper.core.sim3 import adjoint_sim3
from mapper.frontends.rgbd.track import Track
from mapper.vision.dense_alignment import PosePrior

# A camera may stop, or double its speed, within a frame; and one that stood still may begin to
# move. Standard deviations of a step.
CHANGE: Final = 1.0  # of the step before
LEAST_TURN: Final = 0.01  # radians
LEAST_STEP: Final = 0.01  # metres
# Of each frame that was lost since then: nobody knows what it did meanwhile.
LOST_TURN: Final = 0.1
LOST_STEP: Final = 0.1


def motion_prior(track: Track) -> PosePrior:
    """T_reference_camera of the next frame if the camera goes on as before, and how surely."""
    T_reference_last, step = track.T_reference_last, track.velocity
    # Of the first frame no motion is known, as of those that were lost.
    unknown = max(track.lost_frames, int(np.array_equal(step, np.eye(4))))
    turn = LEAST_TURN + CHANGE * rotation_angle(step[:3, :3]) + LOST_TURN * unknown
    shift = LEAST_STEP + CHANGE * float(np.linalg.norm(step[:3, 3])) + LOST_STEP * unknown
    adjoint = adjoint_sim3(T_reference_last)[:6, :6]
    change = np.diag([turn**2] * 3 + [shift**2] * 3)
    covariance = track.covariance + adjoint @ change @ adjoint.T
    return PosePrior(orthonormalised(T_reference_last @ step), np.linalg.inv(covariance))
