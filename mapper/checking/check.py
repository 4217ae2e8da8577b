"""Checks a finished map: measured, predicted, graded, and where to look."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from mapper.checking.finished_map import FinishedMap
from mapper.checking.grade import Grade, grade
from mapper.checking.measures import Measures, measure
from mapper.checking.places import Place, places_to_look_at
from mapper.checking.prediction import Prediction, predict
from mapper.checking.words import look_in_words, reason_in_words, summary


@dataclass(frozen=True, slots=True)
class Check:
    """spread: units by which two runs over noisy copies differ, root mean square; None where they
    were not asked for. is_metric: units are metres."""

    measures: Measures
    prediction: Prediction
    grade: Grade
    places: list[Place]
    is_metric: bool
    spread: float | None = None


def check_map(each: FinishedMap, spread: float | None = None) -> Check:
    """spread: of noisy_reruns, where that was asked for; the error is at least that."""
    measures = measure(each)
    predicted = predict(measures)
    given = grade(measures, predicted.raised_to(spread or 0.0), spread or 0.0)
    places = places_to_look_at(each, measures)
    return Check(
        measures, predicted.raised_to(spread or 0.0), given, places, each.is_metric, spread
    )


def check_record(check: Check) -> dict[str, Any]:
    """What check.json says; docs/maps.md tells of the keys."""
    units = "metres" if check.is_metric else "units"
    measures, predicted = check.measures, check.prediction
    return {
        "grade": check.grade.letter,
        "sure": check.grade.is_sure,
        "summary": summary(check.grade, predicted, check.is_metric),
        "reasons": [
            {"reason": reason.value, "text": reason_in_words(reason, measures, units, check.spread)}
            for reason in check.grade.reasons
        ],
        "units": units,
        "predicted_ate": {
            "ate": predicted.ate,
            "low": predicted.low,
            "high": predicted.high,
            "share_of_way": predicted.share,
        },
        "way": measures.way,
        "spread": check.spread,
        "measures": measures_record(measures),
        "look_at": [
            {
                "frames": list(place.frames),
                "keyframes": list(place.keyframes),
                "seconds": list(place.seconds),
                "reason": place.reason.value,
                "off": place.off,
                "text": look_in_words(place, units),
            }
            for place in check.places
        ],
    }


def measures_record(measures: Measures) -> dict[str, Any]:
    """Numbers alone; lengths in the map's units."""
    pairs, drift = measures.compared.pairs, measures.drift
    held = measures.held_out
    return {
        "keyframes": measures.keyframes,
        "pairs": len(pairs),
        "revisits": len(measures.revisits),
        "neighbours_off": measures.local,
        "revisits_off": measures.revisited,
        "surfaces_conflict": measures.depth_conflict,
        "pairs_unfit": len(measures.compared.unfit),
        "held_out": len(held),
        "held_out_share": measures.held_share,
        "held_out_elsewhere": sum(each.elsewhere for each in held) / max(len(held), 1),
        "ghosts": measures.ghosts.share,
        "ghosts_apart": measures.ghosts.apart,
        "scale_drift": drift.scale,
        "step_off": drift.step,
        "moved_by_views": measures.resolved.moved,
        "spread": measures.resolved.spread,
        "loops_accepted": measures.loops.accepted,
        "loops_refused": measures.loops.refused,
        "loops_against": len(measures.loops.against),
        "edges_contradicted": measures.loops.contradicted,
        "frames_lost": measures.tracking.lost,
        "frames_held": measures.tracking.held,
        "keyframes_bare": measures.tracking.bare_share,
        "doubtful": measures.doubtful,
    }
