"""A grade from A to F, what speaks for it, and where to look."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from mapper.checking.measures import Measures
from mapper.checking.prediction import Prediction
from mapper.checking.revisits import Comparison

GRADES: Final = "ABCDEF"
# Share of the way, or of what the camera sees where that is further, up to which A, B, C ... are
# given for the predicted error. A choice: 1 cm in a room of 2 m is an A.
LIMITS: Final = (0.005, 0.01, 0.02, 0.04, 0.08)
UNSURE_BEST: Final = "B"
DOUBTFUL_BEST: Final = "D"
TORN: Final = 0.1  # share of pairs that fit nowhere, or of edges given up
DRAWN_TWICE: Final = 0.03  # share of the surface
FORETOLD: Final = 0.03  # share of the depth by which held-out views may be off
HALF: Final = 0.5  # of the frames
MISPLACED: Final = 5.0  # times what neighbouring views are off by, and
SHOWS: Final = 0.05  # of the depth; any share of it where the views cannot be as the map has them
SEVERAL: Final = 2


class Reason(StrEnum):
    """What speaks against a map, or for not being sure. untied: no place was seen again. doubtful:
    the run itself said so. misplaced: views of one place that are not where the map has them.
    unfit: views that should show the same and do not. ghosts: surfaces drawn twice. unforeseen:
    held-out views that the map does not foretell. scale: it drifts. refused: loops that
    contradicted the map. lost: frames without a place. bare: keyframes with nothing to recognise
    them by. held: frames that the motion before held. spread: noise alone moves the trajectory."""

    UNTIED = "untied"
    DOUBTFUL = "doubtful"
    MISPLACED = "misplaced"
    UNFIT = "unfit"
    GHOSTS = "ghosts"
    UNFORESEEN = "unforeseen"
    SCALE = "scale"
    REFUSED = "refused"
    LOST = "lost"
    BARE = "bare"
    HELD = "held"
    SPREAD = "spread"


@dataclass(frozen=True, slots=True)
class Grade:
    """letter: A to F. is_sure: False where the map could not be held against itself. reasons: the
    weightiest first."""

    letter: str
    is_sure: bool
    reasons: tuple[Reason, ...]


def grade(measures: Measures, prediction: Prediction, spread: float = 0.0) -> Grade:
    """By the predicted error, no better than what contradicts the map allows. spread: units by
    which noise of the images alone moves the trajectory; 0 = not asked."""
    letter = _by_error(prediction.ate / max(measures.way, measures.depth))
    if not prediction.is_tied:
        letter = max(letter, UNSURE_BEST)
    reasons = tuple(_reasons(measures, prediction, spread))
    contradicted = {Reason.DOUBTFUL, Reason.UNFIT, Reason.MISPLACED} & set(reasons)
    if contradicted:
        letter = max(letter, DOUBTFUL_BEST)
    if Reason.LOST in reasons or Reason.GHOSTS in reasons:
        letter = max(letter, "C")
    return Grade(letter, prediction.is_tied, reasons)


def misplaced(measures: Measures) -> list[Comparison]:
    """Pairs of views that are not where the map has them, the worst first."""
    least = MISPLACED * measures.usual
    found = [
        pair
        for pair in measures.compared.pairs
        if pair.off > max(least, 0.0 if pair.is_refuted else SHOWS * measures.depth)
    ]
    return sorted(found, key=lambda pair: -pair.off)


def is_misplaced(measures: Measures) -> bool:
    """Whether so much is misplaced that it counts: one pair may be of things that look alike, if
    its views do not follow each other."""
    found = misplaced(measures)
    return len(found) >= SEVERAL or any(pair.is_torn_step for pair in found)


def _by_error(share: float) -> str:
    return GRADES[sum(share > limit for limit in LIMITS)]


def _reasons(measures: Measures, prediction: Prediction, spread: float) -> Iterator[Reason]:
    tracking, found = measures.tracking, []
    found.append((Reason.DOUBTFUL, measures.doubtful))
    found.append((Reason.MISPLACED, is_misplaced(measures)))
    found.append((Reason.UNFIT, len(measures.compared.unfit) >= SEVERAL and measures.unfit > TORN))
    found.append((Reason.GHOSTS, measures.ghosts.share > DRAWN_TWICE))
    found.append((Reason.UNFORESEEN, measures.held_share > FORETOLD))
    found.append((Reason.SCALE, measures.drift.scale > FORETOLD))
    found.append((Reason.REFUSED, measures.loops.contradicted > TORN))
    found.append((Reason.SPREAD, spread > prediction.high))
    found.append((Reason.LOST, tracking.lost >= HALF))
    found.append((Reason.HELD, tracking.held > TORN))
    found.append((Reason.BARE, tracking.bare_share > TORN))
    found.append((Reason.UNTIED, not prediction.is_tied))
    yield from (reason for reason, holds in found if holds)
