"""Fits the weights of mapper/vision/belief.py, and says what they are worth.

    python tools measures.evidence [--pairs N] [--workers N] [--evenness E]

Pairs of frames of the gauntlet's half for tuning are aligned from the truth, from beside it, from
standing still and from matched features. Ends within 4 cm and 2 degrees of the truth are right,
those off by more than 8 cm or 5 degrees wrong; what lies between is left out. Right and wrong count
alike. Each sequence is judged with the weights of all others.
"""

from __future__ import annotations

import argparse
import multiprocessing
from dataclasses import dataclass

import cv2
import numpy as np
from gauntlet.cases import Case, Selection
from gauntlet.running import open_case, true_poses
from scipy.optimize import minimize

from mapper.core.geometry import exp_se3, inverse, rotation_angle
from mapper.frontends.rgbd.config import RgbdConfig
from mapper.frontends.rgbd.view import View
from mapper.vision.alignment_evidence import Evidence, evidence_of
from mapper.vision.belief import LEAST_SEEN, signs_of
from mapper.vision.dense_alignment import AlignmentConfig, align
from mapper.vision.orb import OrbMatcher

RIGHT = 0.04, np.radians(2.0)
WRONG = 0.08, np.radians(5.0)
MOST_APART = 6  # frames
BESIDE = 0.08, 0.15  # radians and metres: deviation of starts beside the truth
REAL_WEIGHT = 2.0  # a recording tells more than a made-up sequence
RIDGE = 1e-3


@dataclass(frozen=True, slots=True)
class Sample:
    """An alignment: of which sequence, what speaks for it, whether it is right."""

    case: str
    is_real: bool
    signs: tuple[float, ...]
    is_right: bool


def samples_of(job: tuple[Case, int, AlignmentConfig]) -> list[Sample]:
    """Of one sequence; the same at each call."""
    case, pairs, config = job
    cv2.setNumThreads(1)
    rng = np.random.default_rng(1)
    sequence, matcher = open_case(case, 1024), OrbMatcher()
    truth = true_poses(sequence)
    found: list[Sample] = []
    for _ in range(pairs):
        first = int(rng.integers(0, len(sequence) - 1))
        second = min(len(sequence) - 1, first + int(rng.integers(1, MOST_APART + 1)))
        a, b = (View.of(sequence[i], matcher) for i in (first, second))
        true = inverse(truth[first]) @ truth[second]
        if not np.isfinite(true).all():
            continue
        turn, shift = BESIDE
        off = np.concatenate([rng.normal(0, turn, 3), rng.normal(0, shift, 3)])
        starts = [true, exp_se3(off) @ true, np.eye(4)]
        if matched := b.pose_among(a.features):
            starts.append(matched.T_a_b)
        for start in starts:
            sample = _sample(case, a, b, start, true, config)
            if sample is not None:
                found.append(sample)
    return found


def _sample(
    case: Case, a: View, b: View, start: np.ndarray, true: np.ndarray, config: AlignmentConfig
) -> Sample | None:
    aligned = align(a.pyramid, b.pyramid, start, config)
    if not (aligned.inliers and aligned.converged):
        return None
    T = aligned.S_reference_source
    evidence: Evidence = evidence_of(a.pyramid, b.pyramid, T)
    off = inverse(true) @ T
    metres, radians = float(np.linalg.norm(off[:3, 3])), rotation_angle(off[:3, :3])
    is_right = metres < RIGHT[0] and radians < RIGHT[1]
    is_wrong = metres > WRONG[0] or radians > WRONG[1]
    if evidence.seen < LEAST_SEEN or not (is_right or is_wrong):
        return None
    signs = tuple(signs_of(evidence, aligned.weakest))
    return Sample(case.name, case.spec is None, signs, is_right)


def fitted(samples: list[Sample]) -> np.ndarray:
    """Weights of [1, *signs]: the regression whose right and wrong samples count alike."""
    X, right = _matrix(samples), np.array([each.is_right for each in samples])
    weight = np.where(right, 1.0, right.sum() / max((~right).sum(), 1))
    weight = weight * np.where([each.is_real for each in samples], REAL_WEIGHT, 1.0)

    def loss(w: np.ndarray) -> float:
        surprise = np.logaddexp(0, -np.where(right, 1, -1) * (X @ w))
        return float((weight * surprise).sum() / weight.sum() + RIDGE * (w[1:] ** 2).sum() / 2)

    return np.asarray(minimize(loss, np.zeros(X.shape[1])).x)


def _matrix(samples: list[Sample]) -> np.ndarray:
    return np.column_stack([np.ones(len(samples)), [each.signs for each in samples]])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--pairs", type=int, default=12, help="of each sequence")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--evenness", type=float, default=RgbdConfig().alignment.evenness)
    options = parser.parse_args()
    config = AlignmentConfig(evenness=options.evenness)
    cases = Selection(half="tune").cases()
    jobs = [(case, options.pairs * (3 if case.spec is None else 1), config) for case in cases]
    with multiprocessing.get_context("spawn").Pool(options.workers) as pool:
        samples = [each for found in pool.map(samples_of, jobs, 1) for each in found]
    print("weights", np.round(fitted(samples), 2).tolist())
    odds = np.empty(len(samples))
    for case in {each.case for each in samples}:
        held = np.array([each.case == case for each in samples])
        rest = [each for each, out in zip(samples, held, strict=True) if not out]
        kept = [each for each, out in zip(samples, held, strict=True) if out]
        odds[held] = _matrix(kept) @ fitted(rest)
    right = np.array([each.is_right for each in samples])
    print(
        f"{len(samples)} alignments, {right.sum()} right; accepted, judged by the others' weights:"
    )
    for probability in (0.2, 0.35, 0.5, 0.75):
        passed = odds > np.log(probability / (1 - probability))
        print(
            f"  at {probability:.2f}: {passed[right].mean():.1%} of the right, "
            f"{passed[~right].mean():.1%} of the wrong"
        )


if __name__ == "__main__":
    main()
