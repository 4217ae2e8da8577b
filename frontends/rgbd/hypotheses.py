"""Where a view may be, seen from another, and what speaks for each place."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from mapper.core.geometry import inverse, orthonormalised
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
from mapper.vision.doubt.common_view import advantage
from mapper.vision.doubt.feigned_directions import feigned_directions
from mapper.vision.moving_parts import without_moving

UNKNOWN_FIRMNESS = 100.0  # of planes that were not aligned: speaks neither for nor against
OVERCONFIDENCE = 2.0
COMMON_SIGMAS = np.array([0.002] * 3 + [0.003] * 3)  # radians, metres
EXPECTED = 2.5  # deviations of the motion so far
ROUNDS = 3  # of an alignment that has not come to rest

Weak = tuple[float, float]  # metres and radians
Views = tuple[DepthPyramid, DepthPyramid]  # the reference, and what is placed
# Of a pose by features alone: 0.01 radians, 3 cm.
FEATURES_COVARIANCE = np.diag([0.01**2] * 3 + [0.03**2] * 3)


@dataclass(frozen=True, slots=True)
class Hypothesis:
    """An alignment with the reference, and what speaks for it.

    is_held: something else than the views holds it in some direction. is_expected: it is where the
    motion so far would lead. leaves_out: something that is taken to have moved by itself.
    """

    aligned: Alignment
    evidence: Evidence
    is_held: bool
    is_expected: bool
    leaves_out: bool = False

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

    def score(self, T_reference_camera: np.ndarray) -> float:
        """Of the view where it is said to be, not aligned there; see Evidence."""
        return self._compared.score(T_reference_camera)

    def against(self, found: Hypothesis, other: Hypothesis) -> Hypothesis:
        """The other, with its score, or the one by what both places show if that is more."""
        more = advantage(self._compared, other.T_reference_camera, found.T_reference_camera)
        score = max(other.evidence.score, found.evidence.score + more)
        return replace(other, evidence=replace(other.evidence, score=score))

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
        return replace(tried, evidence=replace(evidence, score=score), leaves_out=True)

    def _tried(
        self, views: Views, compared: Comparison, start: np.ndarray, prior: PosePrior
    ) -> Hypothesis:
        aligned = self._rest(views, start, None)
        T, slides = aligned.S_reference_source, np.zeros((0, 6))
        if aligned.converged:
            slides = feigned_directions(views, compared, T, self._config)
        is_held = not aligned.converged or len(slides) > 0 or is_known_worse(aligned, *self._weak)
        if is_held:
            aligned = self._rest(views, start, replace(prior, slides=slides))
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
