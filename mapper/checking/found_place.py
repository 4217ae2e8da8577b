"""Where one view of a finished map lies in another, and whether that speaks against the map.

An alignment slides along what looks the same everywhere, and where two views have little in common
it takes the depth's distortion for a motion. What is far from where the map has a pair counts only
if the views show that they cannot be there: by surfaces in space that the other one saw to be free,
or by light that agrees clearly less.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from mapper.backend.loops.second_opinion import CENTRED_THEN, IN_FREE_SPACE
from mapper.backend.loops.step_recovery import recognised_start
from mapper.backend.loops.view_consistency import two_way_consistency
from mapper.checking.finished_map import FinishedMap
from mapper.core.sim3 import inverse_similarity
from mapper.vision.alignment_evidence import Comparison, evidence_of
from mapper.vision.dense_alignment import align
from mapper.vision.doubt.common_view import advantage

if TYPE_CHECKING:
    from jaxtyping import Float64

NEIGHBOURS: Final = 4  # keyframes back up to which a shared view is no revisit
MIN_OVERLAP: Final = 0.15  # of points that agree where a pair was aligned, both ways
MIN_AGREEMENT: Final = 0.7  # of those that agree or conflict

Pair = tuple[int, int]  # ids of keyframes, the earlier one first


def place_in_map(each: FinishedMap, pair: Pair) -> Float64[np.ndarray, "4 4"]:
    """S of the later one in the earlier, as the map has them."""
    earlier, later = (each.saved.fused_poses[keyframe_id] for keyframe_id in pair)
    return inverse_similarity(earlier) @ later


def found_place(each: FinishedMap, pair: Pair) -> Float64[np.ndarray, "4 4"] | None:
    """The same by the views alone; None where nothing is found that both bear out, and of a revisit
    unless features led to it: the shape of things alone fits in many places."""
    i, j = pair
    recognised = recognised_start(
        each.keyframes[i], each.keyframes[j], each.matcher, free_scale=not each.is_measured
    )
    if recognised is None:
        is_revisit = each.order[j] - each.order[i] > NEIGHBOURS
        return None if is_revisit else _aligned(each, pair, place_in_map(each, pair))
    start, _ = recognised
    found = _aligned(each, pair, start)
    if found is None and _fits(each, pair, start):
        return start  # a network's depth is warped: it may not align
    return found


def nearer_place(
    each: FinishedMap, pair: Pair, S_found: Float64[np.ndarray, "4 4"]
) -> Float64[np.ndarray, "4 4"]:
    """What alignment finds from where the map has the pair, if it explains as much as what was
    found; else that. Few features lead far off, and an alignment may stop there."""
    other = _aligned(each, pair, place_in_map(each, pair))
    if other is None:
        return S_found
    a, b = (each.maps.pyramid(keyframe_id) for keyframe_id in pair)
    more = advantage(Comparison.of(a, b), other, S_found)
    back = inverse_similarity(other), inverse_similarity(S_found)
    return other if more + advantage(Comparison.of(b, a), *back) >= 0 else S_found


def is_refuted(each: FinishedMap, pair: Pair, S_found: Float64[np.ndarray, "4 4"]) -> bool:
    """Whether the views cannot be where the map has them, as they can where they were found."""
    a, b = (each.maps.pyramid(keyframe_id) for keyframe_id in pair)
    here, there = (evidence_of(a, b, S) for S in (place_in_map(each, pair), S_found))
    is_darker = here.has_light and there.light - here.light > CENTRED_THEN
    return is_darker or here.front - there.front > IN_FREE_SPACE


def _aligned(each: FinishedMap, pair: Pair, start: np.ndarray) -> np.ndarray | None:
    """None where it does not converge, or the views do not fit there."""
    a, b = (each.maps.pyramid(keyframe_id) for keyframe_id in pair)
    config = each.config.edges.alignment
    aligned = align(a, b, start, config, with_scale=not each.is_measured)
    S = aligned.S_reference_source
    return S if aligned.converged and _fits(each, pair, S) else None


def _fits(each: FinishedMap, pair: Pair, S: np.ndarray) -> bool:
    a, b = (each.maps.pyramid(keyframe_id) for keyframe_id in pair)
    both = two_way_consistency(a.levels[0], b.levels[0], S)
    overlap, agreement = min(w.overlap for w in both), min(w.agreement for w in both)
    return overlap >= MIN_OVERLAP and agreement >= MIN_AGREEMENT
