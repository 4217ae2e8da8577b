"""Places a view by its reference: weighs what speaks for each place where it may be."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from mapper.core.geometry import inverse
from mapper.frontends.rgbd.choosing import (
    MAX_SURPRISE,
    best_of,
    is_believable,
    is_clear,
    is_near,
)
from mapper.frontends.rgbd.config import RgbdConfig
from mapper.frontends.rgbd.hypotheses import (
    FEATURES_COVARIANCE,
    Hypothesis,
    HypothesisMaker,
    features_prior,
    is_known_worse,
    reported_covariance,
    surprise,
)
from mapper.frontends.rgbd.motion_prior import motion_prior
from mapper.frontends.rgbd.repeats import repeats
from mapper.frontends.rgbd.track import Track
from mapper.frontends.rgbd.view import View
from mapper.vision.dense_alignment import PosePrior
from mapper.vision.local_features import MatchedPose, contradicts

MIN_INLIERS_ALONE = 25  # matches that may place a view without any depth
MIN_INLIERS_AGAINST = 20  # matches that may overrule an alignment
MOST_INTRUDING = 0.01  # share of the points in free space: more is noise no longer
DARKER = 0.03  # correlation of light: by less it changes from frame to frame anyway
SAME_START = 0.01, 0.01  # metres and radians: nearer ones show the same to have moved
MISMATCH = 10.0  # log-likelihood that features, which are known to some pixels, may cost


@dataclass(frozen=True, slots=True)
class Placement:
    """T_reference_camera (4, 4) and its covariance (6, 6), see PoseUncertainty.

    is_held: by more than the views, in some direction. shared: of
    the view's points, with the reference. light, leaves_out: see PlacedView.
    values: numbers that are worth a plot.
    """

    T_reference_camera: np.ndarray
    covariance: np.ndarray
    is_held: bool = False
    shared: float = 1.0
    light: float = 1.0
    leaves_out: bool = False
    values: dict[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class _Match:
    """Features shared with an earlier view, at T_reference_earlier (4, 4)."""

    earlier: View
    T_reference_earlier: np.ndarray
    matched: MatchedPose

    @property
    def prior(self) -> PosePrior:
        """T_reference_camera by the features alone."""
        return features_prior(self.T_reference_earlier @ self.matched.T_a_b)


def place(track: Track, view: View, config: RgbdConfig) -> Placement | None:
    """Where the view is, seen from the track's reference; None where that is not known.

    The motion so far is tried first, and where something stands in space that was free also what
    is left without that. Where that is not clear so are standing still and what matched features
    say, and the place that explains most is taken: not the one that came to rest, nor the one with
    the smallest residuals, which a floor gives for any slide. Where another place explains as much,
    be it a step or a post further on, where matched features contradict the best one, or where too
    little is known, there is no answer.
    """
    weak = config.weak_translation, config.weak_rotation
    reference = track.reference.view.pyramid
    prior = motion_prior(track)
    motion = None if track.lost_frames else prior
    tried = HypothesisMaker(reference, view.pyramid, config.alignment, weak, motion)
    first = tried(prior.T_reference_source, prior)
    likely = [first]
    if first.evidence.front > MOST_INTRUDING or _may_follow_what_moves(first, track):
        likely += _without_moving(
            tried, [prior.T_reference_source, first.T_reference_camera], prior
        )
    best, ambiguous = best_of(likely, prior, config.evidence)
    if is_clear(best, config.evidence) and not ambiguous and (motion is None or best.is_expected):
        again = repeats(tried, best, track.T_reference_last, prior)
        return _placement(best) if _stands_alone(best, again, prior, config) else None
    return _place_among(likely, track, view, tried, config)


def _may_follow_what_moves(first: Hypothesis, track: Track) -> bool:
    """Whether something moved a frame ago, or light agrees less than it did then, if that is known.

    What moves near the camera takes the alignment with it: surfaces agree then, for those further
    away are less sure and slide, and only the light upon them tells.
    """
    light, before = first.evidence.light, track.last.light
    return track.last.leaves_out or (first.evidence.has_light and light < before - DARKER)


def _place_among(
    likely: list[Hypothesis],
    track: Track,
    view: View,
    tried: HypothesisMaker,
    config: RgbdConfig,
) -> Placement | None:
    """The same with all starts there are."""
    prior = motion_prior(track)
    # Where there is no texture features are the camera's own noise, which goes with it.
    matches = _matches(track, view) if any(e.evidence.has_light for e in likely) else []
    as_matched = [tried.unrefined(match.prior) for match in matches]
    others = [
        tried(track.T_reference_last, prior),
        *(tried(match.prior.T_reference_source, match.prior) for match in matches),
        *as_matched,
    ]
    starts = [track.T_reference_last, *(each.T_reference_camera for each in others)]
    if len(likely) == 1:
        starts = [prior.T_reference_source, likely[0].T_reference_camera, *starts]
    every = [*likely, *others, *_without_moving(tried, starts, prior)]
    possible = [each for each in every if not _is_far_fetched(each, track, prior)]
    if not possible:
        return None
    best, ambiguous = best_of(possible, prior, config.evidence)
    if ambiguous or not is_believable(best, config.evidence):
        return None
    if any(_overrules(m, found, best, view) for m, found in zip(matches, as_matched, strict=True)):
        return None
    again = repeats(tried, best, track.T_reference_last, prior)
    if not _stands_alone(best, again, prior, config):
        return None
    if is_known_worse(best.aligned, config.lost_translation, config.lost_rotation):
        return None
    return _placement(best)


def _stands_alone(
    best: Hypothesis, again: list[Hypothesis], prior: PosePrior, config: RgbdConfig
) -> bool:
    """Whether it explains more than the same place a step or a post further on. One that explains
    more is not taken instead: from where less has changed more is seen again, right or wrong."""
    winner, ambiguous = best_of([best, *again], prior, config.evidence)
    return winner is best and not ambiguous


def _without_moving(
    tried: HypothesisMaker, starts: list[np.ndarray], prior: PosePrior
) -> list[Hypothesis]:
    """Where the view is if something in it moves by itself, as one of the starts tells what."""
    distinct: list[np.ndarray] = []
    for start in starts:
        if not any(is_near(start, other, SAME_START) for other in distinct):
            distinct.append(start)
    found = (tried.without_moving(start, prior) for start in distinct)
    return [each for each in found if each is not None]


def place_by_features(track: Track, view: View) -> Placement | None:
    """The same of a view with almost no depth."""
    matched = view.pose_among(track.reference.view.features, MIN_INLIERS_ALONE)
    if matched is None:
        return None
    return Placement(matched.T_a_b, FEATURES_COVARIANCE)


def _is_far_fetched(tried: Hypothesis, track: Track, prior: PosePrior) -> bool:
    """Whether it is not where the camera could have gone, and held by something else than the views
    or found after a gap, when little is left to compare with, or only by leaving something out."""
    if not (tried.is_held or tried.leaves_out or track.lost_frames):
        return False
    return surprise(tried.T_reference_camera, prior) > MAX_SURPRISE


def _placement(best: Hypothesis) -> Placement:
    aligned = best.aligned
    return Placement(
        best.T_reference_camera,
        reported_covariance(aligned),
        best.is_held,
        aligned.overlap * aligned.inlier_ratio,
        best.evidence.light,
        best.leaves_out,
        _worth_a_plot(best),
    )


def _worth_a_plot(best: Hypothesis) -> dict[str, float]:
    aligned = best.aligned
    return {
        "inlier_ratio": aligned.inlier_ratio,
        "overlap": aligned.overlap,
        "rmse_mm": aligned.rmse * 1e3,
        "light": best.evidence.light,
        "held": float(best.is_held),
    }


def _matches(track: Track, view: View) -> list[_Match]:
    """Of the last frame, and of the reference."""
    found = []
    matched = view.pose_among(track.last.view.features)
    if matched is not None:
        found.append(_Match(track.last.view, track.T_reference_last, matched))
    reference = track.reference.view
    if reference is not track.last.view:
        matched = view.pose_among(reference.features)
        if matched is not None:
            found.append(_Match(reference, np.eye(4), matched))
    return found


def _overrules(match: _Match, as_matched: Hypothesis, best: Hypothesis, view: View) -> bool:
    """Whether many matched features, which agree with one another, deny the alignment.

    as_matched: where they say it is. Where that explains less it is they that are wrong: things
    that repeat match as well.
    """
    if match.matched.inliers < MIN_INLIERS_AGAINST:
        return False
    if as_matched.evidence.score < best.evidence.score - MISMATCH:
        return False
    T_earlier_camera = inverse(match.T_reference_earlier) @ best.T_reference_camera
    earlier, pairs = match.earlier.features, match.matched.pairs
    return contradicts(T_earlier_camera, earlier, view.features, pairs, view.intrinsics)
