"""What an alignment claims to know of a direction, and the views do not bear out.

Noise turns normals and makes gradients, and each of them counts as knowledge of a motion across it.
But it does not move with the camera: as far as a claim is true the gradient grows with the distance
from where the alignment rests, and as far as it is noise it is there and everywhere about zero.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from mapper.core.geometry import exp_se3
from mapper.vision.alignment_evidence import Comparison
from mapper.vision.dense_alignment import AlignmentConfig, told_at
from mapper.vision.depth_pyramid import DepthPyramid
from mapper.vision.doubt.common_view import advantage

if TYPE_CHECKING:
    from jaxtyping import Float64

# Deviations, of a rotation in radians or of a motion by the scene's depth: what is claimed to be
# known better than the first is more than noise can feign. It is moved by the second, by which an
# image moves further than its noise, smoothed, is alike.
CLAIMED: Final = 0.0025
SHIFT: Final = 0.03
BORNE_OUT: Final = 0.35  # share of the claim by which the gradient must grow
LEVEL: Final = 1  # of the pyramids
EXPLAINED: Final = 3.0  # log-likelihood that a place beside must cost, either way

Views = tuple[DepthPyramid, DepthPyramid]  # the reference, and the source


def feigned_directions(
    views: Views,
    compared: Comparison,
    T_reference_source: Float64[np.ndarray, "4 4"],
    config: AlignmentConfig,
) -> Float64[np.ndarray, "k 6"]:
    """Twists, rotation [rad] and translation [units], along which only noise holds an alignment, as
    long as they were tried: neither do gradients bear out that the views know it there, nor do
    these explain more there than beside. compared: the views."""
    T, depth = T_reference_source, compared.typical_depth
    twists = [
        twist
        for twist in _unborne(views, T, depth, config)
        if max(advantage(compared, exp_se3(t) @ T, T) for t in (twist, -twist)) > -EXPLAINED
    ]
    return np.array(twists).reshape(-1, 6)


def _unborne(
    views: Views, T_reference_source: np.ndarray, depth: float, config: AlignmentConfig
) -> np.ndarray:
    """Twists (K, 6) along which gradients do not grow as claimed."""
    unit = np.array([1.0] * 3 + [max(depth, 1e-3)] * 3)
    here = told_at(*views, T_reference_source, config, LEVEL)
    if here is None:
        return np.zeros((0, 6))
    known, directions = np.linalg.eigh(here[0] * unit * unit[:, None])
    doubtful = known < CLAIMED**-2.0
    claimed, directions = np.sqrt(np.maximum(known[doubtful], 1.0)), directions[:, doubtful]
    grown = np.zeros((len(claimed), len(claimed)))
    for column, direction in enumerate(directions.T):
        twist = SHIFT * unit * direction
        places = (exp_se3(each) @ T_reference_source for each in (twist, -twist))
        ends = [told_at(*views, place, config, LEVEL) for place in places]
        ahead, behind = (np.zeros(6) if end is None else end[1] for end in ends)
        grown[:, column] = directions.T @ (unit * (ahead - behind)) / (2 * SHIFT)
    share = (grown + grown.T) / (2 * np.outer(claimed, claimed))
    borne_out, among = np.linalg.eigh(share)
    feigned = (directions / claimed) @ among[:, borne_out < BORNE_OUT]
    return np.asarray((unit[:, None] * SHIFT * feigned / np.linalg.norm(feigned, axis=0)).T)
