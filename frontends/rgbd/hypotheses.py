"""Where a view may be, seen from another, and what speaks for each place."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

import numpy as np

from mapper.core.geometry import inverse, orthonormalised, rotation_angle
from mapper.core.quantities import Metres, Positive, Probability, Radians, Share
from mapper.core.settings_model import settings
from mapper.core.sim3 import log_sim3
from mapper.vision.alignment_evidence import (
    CORRELATED,
    LEVEL,
    UNKNOWN_COST,
    Comparison,
    Evidence,
)
from mapper.vision.belief import probability_right
from mapper.vision.dense_alignment import (
    INDEPENDENT_RESIDUALS,
    Alignment,
    AlignmentConfig,
    PosePrior,
    align,
)
from mapper.vision.depth_pyramid import DepthPyramid
from mapper.vision.moving_parts import without_moving

UNKNOWN_FIRMNESS = 100.0  # of planes that were not aligned: speaks neither for nor against
MOST_SURPRISING = 12.0  # log-likelihood: frames may be missing, or somebody ran
OVERCONFIDENCE = 2.0
COMMON_SIGMAS = np.array([0.002] * 3 + [0.003] * 3)  # radians, metres
EXPECTED = 2.5  # deviations of the motion so far
ROUNDS = 3  # of an alignment that has not come to rest

Weak = tuple[float, float]  # metres and radians
Views = tuple[DepthPyramid, DepthPyramid]  # the reference, and what is placed
# Of a pose by features alone: 0.01 radians, 3 cm.
FEATURES_COVARIANCE = np.diag([0.01**2] * 3 + [0.03**2] * 3)


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


@dataclass(frozen=True, slots=True)
class Hypothesis:
    """An alignment with the reference, and what speaks for it.

    is_held: something else than the views holds it in some direction. is_expected: it is where the
    motion so far would lead.
    """

    aligned: Alignment
    evidence: Evidence
    is_held: bool
    is_expected: bool

    @property
    def T_reference_camera(self) -> np.ndarray:
        """(4, 4)."""
        return self.aligned.S_reference_source

    @property
    def probability(self) -> float:
        """That it is right."""
        return probability_right(self.evidence, self.aligned.weakest, self.is_expected)


class HypothesisMaker:
    """Aligns a view with a reference from any start."""

    def __init__(
        self,
        reference: DepthPyramid,
        view: DepthPyramid,
        alignment: AlignmentConfig,
        weak: Weak,
        motion: PosePrior | None = None,
        level: int = LEVEL,
    ) -> None:
        """motion: where the camera should be; None where nothing tells. weak: what the views tell
        worse a prior has to hold. level: see `evidence_of`."""
        self._views = reference, view
        self._compared = Comparison.of(reference, view, level)
        self._config = alignment
        self._weak = weak
        self._motion = motion
        self._level = level

    def __call__(self, start: np.ndarray, prior: PosePrior) -> Hypothesis:
        """The alignment from one start, carried on until it rests; held by the prior where the
        views alone do not place it."""
        return self._tried(self._views, self._compared, start, prior)

    def without_moving(self, start: np.ndarray, prior: PosePrior) -> Hypothesis | None:
        """The same without what moves by itself, if the view is near the start; None where nothing
        seems to.

        What moves is often near, where depth is sure, so that it takes the alignment with it. Of
        what is left out nothing is told: it costs as what the reference does not see.
        """
        views = without_moving(*self._views, start)
        if views is None:
            return None
        tried = self._tried(views, Comparison.of(*views, self._level), start, prior)
        still = without_moving(*self._views, tried.T_reference_camera)
        if still is None:
            return None
        compared = Comparison.of(*still, self._level)
        evidence = compared.evidence(tried.T_reference_camera)
        left_out = self._compared.readings - compared.readings
        score = evidence.score - UNKNOWN_COST * left_out / CORRELATED
        return replace(tried, evidence=replace(evidence, score=score))

    def _tried(
        self, views: Views, compared: Comparison, start: np.ndarray, prior: PosePrior
    ) -> Hypothesis:
        aligned = self._rest(views, start, None)
        is_held = not aligned.converged or is_known_worse(aligned, *self._weak)
        if is_held:
            aligned = self._rest(views, start, prior)
        T = aligned.S_reference_source
        return Hypothesis(aligned, compared.evidence(T), is_held, self._is_expected(T))

    def unrefined(self, known: PosePrior) -> Hypothesis:
        """That the view is where something else says, which no alignment could make better."""
        T = known.T_reference_source
        evidence = self._compared.evidence(T)
        information = np.zeros((7, 7))
        information[:6, :6] = known.information
        pixels = self._views[1].levels[0].depth.size
        told = int(INDEPENDENT_RESIDUALS)
        aligned = Alignment(
            T, evidence.agree, evidence.seen, 0.0, information, True, pixels, told, UNKNOWN_FIRMNESS
        )
        return Hypothesis(aligned, evidence, True, self._is_expected(T))

    def _is_expected(self, T_reference_camera: np.ndarray) -> bool:
        if self._motion is None:
            return False
        return surprise(T_reference_camera, self._motion) <= EXPECTED

    def _rest(self, views: Views, start: np.ndarray, prior: PosePrior | None) -> Alignment:
        aligned = align(*views, orthonormalised(start), self._config, prior=prior)
        for _ in range(ROUNDS - 1):
            if aligned.converged or not aligned.inliers:
                break
            aligned = align(*views, aligned.S_reference_source, self._config, prior=prior)
        return aligned


def features_prior(T_reference_camera: np.ndarray) -> PosePrior:
    """What matched features know."""
    return PosePrior(orthonormalised(T_reference_camera), np.linalg.inv(FEATURES_COVARIANCE))


def surprise(T_reference_camera: np.ndarray, motion: PosePrior) -> float:
    """Deviations of a motion that lead there."""
    moved = log_sim3(T_reference_camera @ inverse(motion.T_reference_source))[:6]
    return float(np.sqrt(moved @ motion.information @ moved))


def is_known_worse(aligned: Alignment, translation: float, rotation: float) -> bool:
    """Whether in any direction the deviation is larger: metres, radians."""
    covariance = aligned.covariance
    return (
        float(np.linalg.eigvalsh(covariance[3:, 3:])[-1]) > translation**2
        or float(np.linalg.eigvalsh(covariance[:3, :3])[-1]) > rotation**2
    )


def reported_covariance(aligned: Alignment) -> np.ndarray:
    """(6, 6) of the pose, as far off as poses were in the gauntlet's half for tuning: where depth
    and colour err in common, being misplaced or late, no residual of theirs tells."""
    return OVERCONFIDENCE**2 * aligned.covariance + np.diag(COMMON_SIGMAS**2)


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
    more: steps of a flight look alike, and so do desks.
    """

    def worth(each: Hypothesis) -> float:
        squared = surprise(each.T_reference_camera, motion) ** 2
        return each.evidence.score - min(0.5 * squared, MOST_SURPRISING)

    ordered = sorted(tried, key=worth, reverse=True)
    best = ordered[0]
    rivals = [
        h for h in ordered[1:] if is_believable(h, config) and not _same_place(best, h, config)
    ]
    return best, any(worth(best) - worth(rival) < config.min_advantage for rival in rivals)


def _same_place(a: Hypothesis, b: Hypothesis, config: EvidenceConfig) -> bool:
    within = config.same_translation, config.same_rotation
    return is_near(a.T_reference_camera, b.T_reference_camera, within)


def is_near(T: np.ndarray, other: np.ndarray, within: Weak) -> bool:
    """Whether two poses differ by no more."""
    moved = inverse(T) @ other
    shift = float(np.linalg.norm(moved[:3, 3]))
    return shift <= within[0] and rotation_angle(moved[:3, :3]) <= within[1]
