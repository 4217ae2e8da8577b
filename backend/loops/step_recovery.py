"""Joins consecutive keyframes between which the frontend jumped, by what they both see."""

from __future__ import annotations

import numpy as np

from mapper.backend.keyframes.keyframe import Keyframe
from mapper.backend.keyframes.map_cache import MapCache
from mapper.backend.loops.view_consistency import two_way_consistency
from mapper.vision.dense_alignment import Alignment, AlignmentConfig, align
from mapper.vision.local_features import is_recognised, pose_from_matches
from mapper.vision.matching import FeatureMatcher
from mapper.vision.similarity_ransac import scaled_pose_from_matches, similarity_from_matches

MIN_OVERLAP = 0.2  # of the points, both ways; as for loops
MIN_AGREEMENT = 0.8


def recognised_start(
    earlier: Keyframe, new: Keyframe, matcher: FeatureMatcher, free_scale: bool
) -> tuple[np.ndarray, int] | None:
    """S_earlier_new (4, 4) by matched features alone, and how many say so; or None.

    Where a depth camera saw the earlier one and a network the new one, measured depth places the
    new one by its pixels, and what the network made of them tells the scale alone.
    """
    a, b = earlier.features, new.features
    pairs = matcher.match(a, b)
    if free_scale and earlier.is_metric and not new.is_metric:
        scaled = scaled_pose_from_matches(a, b, pairs, new.intrinsics)
        found = None if scaled is None else (scaled.S_a_b, scaled.inliers)
    elif free_scale:
        similar = similarity_from_matches(a, b, pairs, earlier.intrinsics, new.intrinsics)
        found = None if similar is None else (similar.S_a_b, similar.inliers)
    else:
        matched = pose_from_matches(a, b, pairs, new.intrinsics)
        found = None if matched is None else (matched.T_a_b, matched.inliers)
    return found if found is not None and is_recognised(*found, a, new.intrinsics) else None


def recover_step(
    previous: Keyframe,
    new: Keyframe,
    maps: MapCache,
    config: AlignmentConfig,
    matcher: FeatureMatcher,
    free_scale: bool,
) -> Alignment | None:
    """The alignment from where the features put the new view, if both views bear it out."""
    found = recognised_start(previous, new, matcher, free_scale)
    if found is None:
        return None
    start, _ = found
    a, b = maps.pyramid(previous.id), maps.pyramid(new.id)
    aligned = align(a, b, start, config, free_scale)
    both = two_way_consistency(a.levels[0], b.levels[0], aligned.S_reference_source)
    agree = min(c.agreement for c in both) >= MIN_AGREEMENT
    overlap = min(c.overlap for c in both) >= MIN_OVERLAP
    return aligned if aligned.converged and agree and overlap else None
