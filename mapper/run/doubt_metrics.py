"""What a map says against itself, as metrics.json has it; docs/evaluation.md tells of the keys."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from mapper.backend.self_doubt.doubt import SelfDoubt
from mapper.backend.self_doubt.doubtful_stretches import DoubtfulStretch
from mapper.backend.self_doubt.edge_conflicts import EdgeConflict
from mapper.backend.self_doubt.held_frames import HeldFrames
from mapper.backend.self_doubt.place_knowledge import PlaceKnowledge


def doubt_metrics(doubt: SelfDoubt, start: float) -> dict[str, Any]:
    """start: timestamp [s] of the first placed frame, from which times are counted."""
    edges = doubt.edges
    return {
        "doubtful": bool(doubt.stretches),
        "stretches": [_stretch(stretch, start) for stretch in doubt.stretches],
        "pairs": doubt.pairs,
        "pairs_contradicting": doubt.contradicting,
        "worst_pair": doubt.worst,
        "matches_contradicting": len(doubt.matched),
        "joins_unconfirmed": [
            {"before_s": join.before - start, "after_s": join.after - start}
            for join in doubt.unconfirmed
        ],
        "places": _places(doubt.places),
        "loose": [
            {
                "start_s": each.start - start,
                "end_s": each.end - start,
                "against_s": each.against - start,
                "sigma": each.sigma,
                "sigma_deg": each.sigma_deg,
            }
            for each in doubt.loose
        ],
        "loops_strained": [
            {
                "earlier_s": each.earlier - start,
                "later_s": each.later - start,
                "shift": each.fit.shift,
                "turn_deg": each.fit.turn_deg,
            }
            for each in doubt.strained
        ],
        "leaps": [
            {"before_s": leap.before - start, "after_s": leap.after - start, "times": leap.times}
            for leap in doubt.leaps
        ],
        "edges": edges.edges,
        "edges_contradicted": len(edges.contradicted),
        "worst_edge": _worst(edges.contradicted),
        "edges_doubted": edges.doubted,
        "cycles": edges.cycles,
        "cycles_open": len(edges.open_cycles),
        "worst_cycle": _worst(edges.open_cycles),
    }


def held_metrics(held: HeldFrames, start: float) -> dict[str, Any]:
    """Frames that were held by the motion before them; start: as above."""
    return {
        "known": held.known,
        "held": held.held,
        "spans": [
            {"start_s": span.start - start, "end_s": span.end - start, "frames": span.frames}
            for span in held.spans
        ],
        "guessed_s": [time - start for time in held.guessed],
    }


def _stretch(stretch: DoubtfulStretch, start: float) -> dict[str, Any]:
    fit = stretch.fit
    return {
        "start_s": stretch.start - start,
        "end_s": stretch.end - start,
        "against_s": stretch.against - start,
        "pairs": stretch.pairs,
        "distance": stretch.distance,
        "shift": None if fit is None else fit.shift,
        "turn_deg": None if fit is None else fit.turn_deg,
    }


def _places(places: PlaceKnowledge | None) -> dict[str, Any] | None:
    if places is None:
        return None
    return {"rms": places.rms, "share": places.share, "bad": places.is_bad}


def _worst(conflicts: Sequence[EdgeConflict]) -> dict[str, Any] | None:
    if not conflicts:
        return None
    worst = conflicts[0]
    return {
        "keyframes": [worst.i, worst.j],
        "sigmas": worst.sigmas,
        "shift": worst.fit.shift,
        "turn_deg": worst.fit.turn_deg,
    }
