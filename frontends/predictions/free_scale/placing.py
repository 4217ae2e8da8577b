"""Where a view of free scale is, seen from another one: by features, and by planes and light."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from mapper.core.geometry import transform
from mapper.core.sim3 import inverse_similarity, similarity
from mapper.frontends.predictions.free_scale.view import FreeView
from mapper.vision.alignment_evidence import Evidence, evidence_of
from mapper.vision.dense_alignment import Alignment, AlignmentConfig, align
from mapper.vision.local_features import pose_from_matches

if TYPE_CHECKING:
    from jaxtyping import Float64

# Smooth errors of a network's depth bend planes, and each view's its own way, where light goes by
# pixels that are right: it counts as much as the planes do. (0.2, the backend's weight for frames
# of a network whose depths err alike, lets the planes' bends turn and shift the camera.)
ALIGNMENT: Final = AlignmentConfig(iterations=(4, 6, 8), max_distance=0.1, photometric_weight=1.0)


@dataclass(frozen=True, slots=True)
class Placing:
    """S_reference_view: (4, 4). matches: features that agree with where it started, 0 = none."""

    S_reference_view: Float64[np.ndarray, "4 4"]
    aligned: Alignment
    evidence: Evidence
    matches: int


def by_features(reference: FreeView, view: FreeView) -> tuple[np.ndarray, int] | None:
    """S_reference_view (4, 4) of the matched features, and how many agree; or None.

    The pose comes of the reference's points and the view's pixels, which its depth does not touch;
    the scale is the median ratio of where the points lie by the pose and by the view's own depth.
    """
    a, b = reference.features, view.features
    matched = pose_from_matches(a, b, reference.matcher.match(a, b), view.camera)
    if matched is None:
        return None
    there = transform(inverse_similarity(matched.T_a_b), a.points[matched.pairs[:, 0]])[:, 2]
    own = b.points[matched.pairs[:, 1], 2]
    known = (own > 0) & (there > 0)
    if not known.any():
        return None
    S = similarity(float(np.median(there[known] / own[known])), matched.T_a_b)
    return S, matched.inliers


def refined(reference: FreeView, view: FreeView, start: np.ndarray, matches: int) -> Placing:
    """The view aligned densely from there, its scale too."""
    aligned = align(reference.pyramid, view.pyramid, start, ALIGNMENT, with_scale=True)
    S = aligned.S_reference_source
    return Placing(S, aligned, evidence_of(reference.pyramid, view.pyramid, S), matches)
