"""What a check found, in words."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from mapper.checking.grade import Grade, Reason, misplaced
from mapper.checking.measures import Measures
from mapper.checking.places import Place
from mapper.checking.prediction import Prediction
from mapper.report.doubts import clock

MEANING: Final = {
    "A": "as good as maps get",
    "B": "good",
    "C": "usable",
    "D": "probably wrong in places",
    "E": "wrong",
    "F": "not to be trusted",
}


def summary(grade: Grade, predicted: Prediction, is_metric: bool) -> str:
    """One line."""
    letter = f"Grade {grade.letter}{'' if grade.is_sure else ', unsure'}"
    if is_metric:
        ends = f"{_metres(predicted.low)} to {_metres(predicted.high)} in 8 of 10 maps"
        share = f"{_percent(predicted.share)} of a way of {predicted.way:.1f} m"
        error = f"{_metres(predicted.ate)} ({ends}), {share}"
    else:
        shares = (value / max(predicted.way, 1e-9) for value in (predicted.low, predicted.high))
        low, high = map(_percent, shares)
        error = f"{_percent(predicted.share)} of the way ({low} to {high} in 8 of 10 maps)"
    return f"{letter} ({MEANING[grade.letter]}): its error (ATE) is probably {error}."


def reason_in_words(
    reason: Reason, measures: Measures, units: str, spread: float | None = None
) -> str:
    """A sentence."""
    if reason == Reason.SPREAD:
        return (
            f"Noise in the images alone moves the trajectory by {length(spread or 0.0, units)}, "
            "more than the views let expect."
        )
    return _SENTENCES[reason](measures, units)


def look_in_words(place: Place, units: str) -> str:
    """Which frames, and why."""
    frames = " and ".join(
        f"{frame} ({clock(seconds)})"
        for frame, seconds in zip(place.frames, place.seconds, strict=True)
    )
    what = f"frame{'s' if len(place.frames) > 1 else ''} {frames}"
    if place.reason == Reason.MISPLACED:
        return f"{what} see the same, and the map has them {length(place.off or 0.0, units)} off"
    if place.reason == Reason.UNFORESEEN:
        return f"{what}: what the map shows from there is off by {_percent(place.off or 0.0)}"
    return f"{what}: {_LOOK[place.reason]}"


def measured_rows(found: Mapping[str, Any]) -> list[tuple[str, str]]:
    """What was measured, and what came of it: rows of a table. found: as in check.json."""
    measured, units = found["measures"], found["units"]
    ghosts = f"{_percent(measured['ghosts'])} of the surface"
    if measured["ghosts_apart"]:
        ghosts += f", {length(measured['ghosts_apart'], units)} apart"
    revisits = f"{measured['revisits']} pairs"
    if measured["revisits"]:
        revisits += f", off by {length(measured['revisits_off'], units)}"
    held = f"{measured['held_out']} keyframes"
    if measured["held_out"]:
        held += f", off by {_percent(measured['held_out_share'])} of the depth"
    near = measured["pairs"] - measured["revisits"]
    spread = found["spread"]
    noisy = [] if spread is None else [("two runs over noisy images", length(spread, units))]
    return [
        ("neighbouring views", f"{near} pairs, off by {length(measured['neighbours_off'], units)}"),
        ("places seen again", revisits),
        (
            "surfaces, both ways",
            f"{_percent(measured['surfaces_conflict'])} of the points conflict",
        ),
        ("pairs that fit nowhere", str(measured["pairs_unfit"])),
        ("held-out keyframes against the map of the others", held),
        ("surfaces drawn twice", ghosts),
        ("scale of views of the same place", f"differs by {_percent(measured['scale_drift'])}"),
        (
            "loops",
            f"{measured['loops_accepted']} accepted, {measured['loops_refused']} refused, "
            f"{measured['loops_against']} of them against the map",
        ),
        ("frames lost, held by the motion before", _two(measured, "frames_lost", "frames_held")),
        ("keyframes with next to nothing to see", _percent(measured["keyframes_bare"])),
        *noisy,
    ]


def length(value: float, units: str) -> str:
    """As a person says it."""
    return _metres(value) if units == "metres" else f"{value:.2g} units"


def _metres(value: float) -> str:
    if value >= 1:
        return f"{value:.1f} m"
    return f"{100 * value:.1f} cm" if value < 0.1 else f"{100 * value:.0f} cm"


def _percent(share: float) -> str:
    return f"{100 * share:.1f} %" if share < 0.1 else f"{100 * share:.0f} %"


def _pairs(count: int) -> str:
    return "1 pair" if count == 1 else f"{count} pairs"


def _two(measured: Mapping[str, Any], first: str, second: str) -> str:
    return f"{_percent(measured[first])}, {_percent(measured[second])}"


_LOOK: Final = {
    Reason.UNFIT: "the map has them see the same, and their surfaces fit nowhere near",
    Reason.REFUSED: "a loop between them contradicted the map",
    Reason.BARE: "next to nothing to recognise the place by",
}
_SENTENCES: Final[Mapping[Reason, Callable[[Measures, str], str]]] = {
    Reason.UNTIED: lambda m, units: (
        "No place was seen again after the camera had been elsewhere, so nothing holds the map "
        "against itself: the grade is a guess from single steps."
    ),
    Reason.DOUBTFUL: lambda m, units: "The run itself found that its map contradicts itself.",
    Reason.MISPLACED: lambda m, units: (
        f"Views that see the same are not where the map has them: {_pairs(len(misplaced(m)))}, off "
        f"by up to {length(misplaced(m)[0].off, units)}."
    ),
    Reason.UNFIT: lambda m, units: (
        f"{len(m.compared.unfit)} pairs of views that should see the same fit nowhere near."
    ),
    Reason.GHOSTS: lambda m, units: (
        f"{_percent(m.ghosts.share)} of the surface is drawn twice, {length(m.ghosts.apart, units)}"
        " apart."
    ),
    Reason.UNFORESEEN: lambda m, units: (
        f"Keyframes that were left out see {_percent(m.held_share)} nearer or farther than the map "
        "of the others shows."
    ),
    Reason.SCALE: lambda m, units: (
        f"The scale drifts: views of the same place differ by {_percent(m.drift.scale)}."
    ),
    Reason.REFUSED: lambda m, units: (
        f"{_percent(m.loops.contradicted)} of the pairs that were joined contradict the map."
    ),
    Reason.LOST: lambda m, units: f"{_percent(m.tracking.lost)} of the frames have no place.",
    Reason.HELD: lambda m, units: (
        f"{_percent(m.tracking.held)} of the frames were held by the motion before them."
    ),
    Reason.BARE: lambda m, units: (
        f"{_percent(m.tracking.bare_share)} of the keyframes show next to nothing to recognise "
        "them by."
    ),
}
