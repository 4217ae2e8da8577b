"""Where a view may be, seen from another, and what speaks for each place."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from mapper.core.geometry import inverse, orthonormalised, rotation_angle
from mapper.core.quantities import Metres, Positive, Radians, Share
from mapper.core.settings_model import settings
from mapper.vision.alignment_evidence import LEVEL, Evidence, evidence_of
from mapper.vision.dense_alignment import Alignment, AlignmentConfig, PosePrior, align
from mapper.vision.depth_pyramid import DepthPyramid

ROUNDS = 3  # of an alignment that has not come to rest


@settings
class EvidenceConfig:
    """What an alignment of a depth camera's view must show to be believed.

    min_overlap: share of the points that the reference sees.
    min_agreement: share of them on its surfaces.
    max_front: share of them in space that it saw to be free.
    min_light: correlation of the images' details, where there are any.
    clear_front: with less, and
    clear_light: more of that, and
    clear_agreement: that share on the reference's surfaces, nothing else is tried.
    same_translation: places nearer to each other, and
    same_rotation: turned less against each other, are one place.
    min_advantage: log-likelihood by which the best place must beat any other.
    """

    min_overlap: Share = 0.2
    min_agreement: Share = 0.72
    max_front: Share = 0.07
    min_light: Share = 0.25
    clear_front: Share = 0.03
    clear_light: Share = 0.5
    clear_agreement: Share = 0.85
    same_translation: Metres = 0.04
    same_rotation: Radians = 0.026
    min_advantage: Positive = 5.0


@dataclass(frozen=True, slots=True)
class Hypothesis:
    """An alignment with the reference, and what speaks for it."""

    aligned: Alignment
    evidence: Evidence

    @property
    def T_reference_camera(self) -> np.ndarray:
        """(4, 4)."""
        return self.aligned.S_reference_source


def hypothesis(
    reference: DepthPyramid,
    view: DepthPyramid,
    start: np.ndarray,
    config: AlignmentConfig,
    prior: PosePrior | None = None,
    level: int = LEVEL,
) -> Hypothesis:
    """The alignment from one start, carried on until it rests. level: see `evidence_of`."""
    aligned = align(reference, view, orthonormalised(start), config, prior=prior)
    for _ in range(ROUNDS - 1):
        if aligned.converged or not aligned.inlier_ratio:
            break
        aligned = align(reference, view, aligned.S_reference_source, config, prior=prior)
    return Hypothesis(aligned, evidence_of(reference, view, aligned.S_reference_source, level))


def is_clear(tried: Hypothesis, config: EvidenceConfig) -> bool:
    """Whether nothing speaks against it, and so much for it that no other place would do."""
    e = tried.evidence
    return (
        is_believable(tried, config)
        and e.has_light
        and e.light >= config.clear_light
        and e.front <= config.clear_front
        and e.agree >= config.clear_agreement
    )


def is_believable(tried: Hypothesis, config: EvidenceConfig) -> bool:
    """Whether surfaces and light both bear it out."""
    e = tried.evidence
    return (
        tried.aligned.converged
        and e.seen >= config.min_overlap
        and e.agree >= config.min_agreement
        and e.front <= config.max_front
        and (not e.has_light or e.light >= config.min_light)
    )


def best_of(tried: Iterable[Hypothesis], config: EvidenceConfig) -> tuple[Hypothesis, bool]:
    """The one that explains most, and whether another place explains as much: then nobody knows."""
    ordered = sorted(tried, key=lambda h: h.evidence.score, reverse=True)
    best = ordered[0]
    rivals = [
        h for h in ordered[1:] if is_believable(h, config) and not _same_place(best, h, config)
    ]
    ambiguous = any(
        best.evidence.score - rival.evidence.score < config.min_advantage for rival in rivals
    )
    return best, ambiguous


def _same_place(a: Hypothesis, b: Hypothesis, config: EvidenceConfig) -> bool:
    T_a_b = inverse(a.T_reference_camera) @ b.T_reference_camera
    return (
        float(np.linalg.norm(T_a_b[:3, 3])) <= config.same_translation
        and rotation_angle(T_a_b[:3, :3]) <= config.same_rotation
    )
