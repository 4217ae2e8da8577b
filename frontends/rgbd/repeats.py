"""Where else along the way a view would look as right: steps, doors and posts come again.

A frame is aligned from where the motion so far leads. Once that is a step of the stairs off, so is
every frame after it, each borne out by its surfaces and its light: nobody had looked a step back.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from mapper.frontends.rgbd.hypotheses import Hypothesis, HypothesisMaker, surprise
from mapper.vision.dense_alignment import PosePrior

SPACING: Final = 0.02  # metres between the places that are looked at
NEAREST: Final = 0.12  # metres: nearer ones the alignment itself would have found
ANOTHER: Final = 0.08  # metres: one that comes to rest nearer has come back
FURTHEST: Final = 1.0
ALLOWED: Final = 3.0  # deviations of the motion so far
SHORTEST: Final = 0.03  # metres, of a way that has a direction
PROMINENT: Final = 4.0  # log-likelihood by which a place stands out from those before and behind


def repeats(
    tried: HypothesisMaker, found: Hypothesis, T_reference_last: np.ndarray, prior: PosePrior
) -> list[Hypothesis]:
    """The places along the way, one ahead and one behind, that stand out from those around them and
    to which the camera may have come as well, aligned there. Costs nothing where it is too slow.
    """
    T = found.T_reference_camera
    way = T[:3, 3] - T_reference_last[:3, 3]
    length = float(np.linalg.norm(way))
    if length < SHORTEST:
        return []
    allowed = max(ALLOWED, surprise(T, prior))
    again = []
    for direction in (way / length, -way / length):
        places = _along(T, direction, prior, allowed)
        best = _outstanding(np.array([tried.score(place) for place in places]))
        if best is None:
            continue
        other = tried(places[best], prior)
        if np.linalg.norm(other.T_reference_camera[:3, 3] - T[:3, 3]) >= ANOTHER:
            again.append(tried.against(found, other))
    return again


def _along(
    T: np.ndarray, direction: np.ndarray, prior: PosePrior, allowed: float
) -> list[np.ndarray]:
    """Poses (4, 4) that way, as far as the motion so far allows."""
    places = []
    for distance in np.arange(NEAREST - SPACING, FURTHEST, SPACING):
        place = T.copy()
        place[:3, 3] += distance * direction
        if surprise(place, prior) > allowed:
            break
        places.append(place)
    return places


def _outstanding(scores: np.ndarray) -> int | None:
    """Of the local maxima among the scores (N,) the highest that stands out on both sides."""
    best = None
    for i in range(1, len(scores) - 1):
        lower = max(scores[:i].min(), scores[i + 1 :].min())
        if scores[i] >= lower + PROMINENT and (best is None or scores[i] > scores[best]):
            best = i
    return best
