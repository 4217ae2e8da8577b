"""Which of the places where a view may be it is, and whether anybody can know."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

import numpy as np

from mapper.core.geometry import inverse, rotation_angle
from mapper.core.quantities import Metres, Positive, Probability, Radians, Share
from mapper.core.settings_model import settings
from mapper.frontends.rgbd.hypotheses import (
    EXPECTED,
    Hypothesis,
    Weak,
    reported_covariance,
    surprise,
)
from mapper.vision.dense_alignment import PosePrior

MOST_SURPRISING = 12.0  # log-likelihood: frames may be missing, or somebody ran
LEAST_PROBABILITY = 0.005  # nothing is less probable: what it is worth must not hang on that alone
MAX_SURPRISE = 4.0  # deviations of the motion so far
RIVALS = 0.5  # of the least probability: less of it than to be believed lets one be doubted


@settings
class EvidenceConfig:
    """What an alignment of a depth camera's view must show to be believed.

    min_overlap: share of the points that the reference sees.
    min_agreement: share of these that lie on its surfaces.
    min_probability: that it is right, by surfaces and light.
    clear_probability: with so much nothing else is tried.
    blind_overlap: min_overlap of views in which there is no light to go by.
    blind_front: share of their points that may lie in space that was free.
    blind_agreement: share of their points that must lie on the reference's surfaces.
    same_translation: places nearer to each other, and
    same_rotation: turned less against each other, are one place.
    min_advantage: log-likelihood by which the best place must beat any other.
    """

    min_overlap: Share = 0.2
    min_agreement: Share = 0.55
    min_probability: Probability = 0.35
    clear_probability: Probability = 0.75
    blind_overlap: Share = 0.4
    blind_front: Share = 0.02
    blind_agreement: Share = 0.9
    same_translation: Metres = 0.04
    same_rotation: Radians = 0.026
    min_advantage: Positive = 5.0


def is_clear(tried: Hypothesis, config: EvidenceConfig) -> bool:
    """Whether so much speaks for it that no other place would do."""
    return (
        is_believable(tried, config)
        and not tried.is_held
        and tried.evidence.has_light
        and tried.probability >= config.clear_probability
    )


def is_believable(tried: Hypothesis, config: EvidenceConfig) -> bool:
    """Whether surfaces, and light where there is any, bear it out."""
    e = tried.evidence
    compared = e.seen >= config.min_overlap and e.agree >= config.min_agreement
    if not (tried.aligned.converged and compared):
        return False
    if e.has_light:
        return tried.probability >= config.min_probability
    return (
        e.seen >= config.blind_overlap
        and e.front <= config.blind_front
        and e.agree >= config.blind_agreement
    )


def best_of(
    tried: Iterable[Hypothesis], motion: PosePrior, config: EvidenceConfig
) -> tuple[Hypothesis, bool]:
    """The one that explains most, and whether another place explains as much: then nobody knows.

    motion: where the camera should be. A place that it could hardly have come to has to explain
    more: steps of a flight look alike, and so do desks. Where the camera would have to have jumped
    though it may as well have gone on as before, what the jump explains more proves nothing: the
    next step of a flight may be better lit.
    """

    def worth(each: Hypothesis) -> float:
        squared = surprise(each.T_reference_camera, motion) ** 2
        likely = float(np.log(max(each.probability, LEAST_PROBABILITY)))
        return each.evidence.score + likely - min(0.5 * squared, MOST_SURPRISING)

    ordered = sorted(tried, key=worth, reverse=True)
    best = ordered[0]
    enough = replace(config, min_probability=RIVALS * config.min_probability)
    rivals = [
        h for h in ordered[1:] if is_believable(h, enough) and not _same_place(best, h, config)
    ]
    if any(worth(best) - worth(rival) < config.min_advantage for rival in rivals):
        return best, True
    is_jump = surprise(best.T_reference_camera, motion) > MAX_SURPRISE
    return best, is_jump and any(
        is_believable(rival, config) and surprise(rival.T_reference_camera, motion) <= EXPECTED
        for rival in rivals
    )


def _same_place(best: Hypothesis, other: Hypothesis, config: EvidenceConfig) -> bool:
    """Whether two are one place: near, or no further apart than the best one says it may be off."""
    within = config.same_translation, config.same_rotation
    if is_near(best.T_reference_camera, other.T_reference_camera, within):
        return True
    told = PosePrior(best.T_reference_camera, np.linalg.inv(reported_covariance(best.aligned)))
    return surprise(other.T_reference_camera, told) <= EXPECTED


def is_near(T: np.ndarray, other: np.ndarray, within: Weak) -> bool:
    """Whether two poses differ by no more."""
    moved = inverse(T) @ other
    shift = float(np.linalg.norm(moved[:3, 3]))
    return shift <= within[0] and rotation_angle(moved[:3, :3]) <= within[1]
