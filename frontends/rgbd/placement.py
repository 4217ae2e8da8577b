"""Places a view by its reference: weighs what speaks for each place where it may be."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from mapper.core.geometry import inverse, orthonormalised
from mapper.frontends.rgbd.config import RgbdConfig
from mapper.frontends.rgbd.hypotheses import (
    Hypothesis,
    best_of,
    hypothesis,
    is_believable,
    is_clear,
)
from mapper.frontends.rgbd.motion_prior import motion_prior
from mapper.frontends.rgbd.track import Track
from mapper.frontends.rgbd.view import View
from mapper.vision.local_features import MatchedPose, contradicts

MIN_INLIERS_ALONE = 25  # matches that may place a view without any depth
MIN_INLIERS_AGAINST = 20  # matches that may overrule an alignment
FEATURES_TURN = 0.01  # radians and metres: deviations of a pose by features alone
FEATURES_SHIFT = 0.03


@dataclass(frozen=True, slots=True)
class Placement:
    """T_reference_camera (4, 4) and its covariance (6, 6), see PoseUncertainty.

    is_held: by the motion before, in some direction. is_clear: no other place would do. shared: of
    the view's points, with the reference. values: numbers that are worth a plot.
    """

    T_reference_camera: np.ndarray
    covariance: np.ndarray
    is_held: bool = False
    is_clear: bool = False
    shared: float = 1.0
    values: dict[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class _Match:
    """Features shared with an earlier view, at T_reference_earlier (4, 4)."""

    earlier: View
    T_reference_earlier: np.ndarray
    matched: MatchedPose

    @property
    def T_reference_camera(self) -> np.ndarray:
        return orthonormalised(self.T_reference_earlier @ self.matched.T_a_b)


def place(track: Track, view: View, config: RgbdConfig) -> Placement | None:
    """Where the view is, seen from the track's reference; None where that is not known.

    The motion so far is tried first. Where that is not clear so are standing still and what
    matched features say, and the place that explains most is taken: not the one that came to rest,
    nor the one with the smallest residuals, which a floor gives for any slide. Where another place
    explains as much, where matched features contradict the best one, or where too little is known,
    there is no answer.
    """
    prior = motion_prior(track)

    def tried(start: np.ndarray) -> Hypothesis:
        return hypothesis(track.reference.view.pyramid, view.pyramid, start, config.alignment)

    first = tried(prior.T_reference_source)
    if is_clear(first, config.evidence):
        return _known_well_enough(first, track, view, config)
    matches = _matches(track, view)
    starts = [track.T_reference_last, *(match.T_reference_camera for match in matches)]
    best, ambiguous = best_of([first, *map(tried, starts)], config.evidence)
    if ambiguous or not is_believable(best, config.evidence):
        return None
    if any(_overrules(match, best, view) for match in matches):
        return None
    return _known_well_enough(best, track, view, config)


def place_by_features(track: Track, view: View) -> Placement | None:
    """The same of a view with almost no depth."""
    matched = view.pose_among(track.reference.view.features, MIN_INLIERS_ALONE)
    if matched is None:
        return None
    covariance = np.diag([FEATURES_TURN**2] * 3 + [FEATURES_SHIFT**2] * 3)
    return Placement(matched.T_a_b, covariance)


def _known_well_enough(
    best: Hypothesis, track: Track, view: View, config: RgbdConfig
) -> Placement | None:
    """The placement, where need be held by the motion before it; None if that does not do."""
    is_held = _is_known_worse(best, config.weak_translation, config.weak_rotation)
    if is_held:
        reference = track.reference.view.pyramid
        start, prior = best.T_reference_camera, motion_prior(track)
        best = hypothesis(reference, view.pyramid, start, config.alignment, prior)
        if not is_believable(best, config.evidence):
            return None
        if _is_known_worse(best, config.lost_translation, config.lost_rotation):
            return None
    aligned, clear = best.aligned, is_clear(best, config.evidence)
    shared = aligned.overlap * aligned.inlier_ratio
    T, covariance = best.T_reference_camera, aligned.covariance
    return Placement(T, covariance, is_held, clear, shared, _worth_a_plot(best, is_held))


def _worth_a_plot(best: Hypothesis, is_held: bool) -> dict[str, float]:
    aligned = best.aligned
    return {
        "inlier_ratio": aligned.inlier_ratio,
        "overlap": aligned.overlap,
        "rmse_mm": aligned.rmse * 1e3,
        "light": best.evidence.light,
        "held": float(is_held),
    }


def _is_known_worse(tried: Hypothesis, translation: float, rotation: float) -> bool:
    """Whether in any direction the deviation is larger."""
    covariance = tried.aligned.covariance
    # About the camera, not about the reference, of which a turn moves what is far from it.
    return (
        float(np.linalg.eigvalsh(covariance[3:, 3:])[-1]) > translation**2
        or float(np.linalg.eigvalsh(covariance[:3, :3])[-1]) > rotation**2
    )


def _matches(track: Track, view: View) -> list[_Match]:
    """Of the last frame, and of the reference."""
    found = []
    matched = view.pose_among(track.last.features)
    if matched is not None:
        found.append(_Match(track.last, track.T_reference_last, matched))
    reference = track.reference.view
    if reference is not track.last:
        matched = view.pose_among(reference.features)
        if matched is not None:
            found.append(_Match(reference, np.eye(4), matched))
    return found


def _overrules(match: _Match, best: Hypothesis, view: View) -> bool:
    """Whether many matched features, which agree with one another, deny the alignment."""
    if match.matched.inliers < MIN_INLIERS_AGAINST:
        return False
    T_earlier_camera = inverse(match.T_reference_earlier) @ best.T_reference_camera
    earlier, pairs = match.earlier.features, match.matched.pairs
    return contradicts(T_earlier_camera, earlier, view.features, pairs, view.intrinsics)
