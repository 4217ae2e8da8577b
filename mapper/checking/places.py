"""Where to look in a map: keyframes and pairs of them that speak against it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from mapper.checking.finished_map import FinishedMap
from mapper.checking.grade import FORETOLD, Reason, is_misplaced, misplaced
from mapper.checking.measures import Measures

MOST: Final = 8
EACH: Final = 3  # of a kind
BESIDE: Final = 2  # keyframes from one that is named already: the same place
WORSE: Final = 3.0  # times what held-out keyframes usually are off by


@dataclass(frozen=True, slots=True)
class Place:
    """keyframes: ids, one or two. frames: indices of those that opened them. seconds: after the
    first placed frame. reason: see Reason. off: units, or a share of the depth of what is
    unforeseen; None where it has no size."""

    keyframes: tuple[int, ...]
    frames: tuple[int, ...]
    seconds: tuple[float, ...]
    reason: Reason
    off: float | None


def places_to_look_at(each: FinishedMap, measures: Measures) -> list[Place]:
    """The worst first, none of them beside another one."""
    found: list[Place] = []
    counts: dict[Reason, int] = {}
    for keyframes, reason, off in _worst(measures):
        told = counts.get(reason, 0)
        if len(found) == MOST or told == EACH or _is_known(each, keyframes, found):
            continue
        counts[reason] = told + 1
        found.append(_place(each, keyframes, reason, off))
    return found


def _worst(measures: Measures) -> Iterator[tuple[tuple[int, ...], Reason, float | None]]:
    wrong = misplaced(measures)
    for pair in wrong if is_misplaced(measures) else ():
        yield (pair.i, pair.j), Reason.MISPLACED, pair.off
    for i, j in measures.compared.unfit:
        yield (i, j), Reason.UNFIT, None
    for i, j in measures.loops.against:
        yield (i, j), Reason.REFUSED, None
    limit = max(FORETOLD, WORSE * measures.held_share)
    for held in sorted(measures.held_out, key=lambda held: -held.share):
        if held.share > limit:
            yield (held.keyframe,), Reason.UNFORESEEN, held.share
    for keyframe_id in measures.tracking.bare:
        yield (keyframe_id,), Reason.BARE, None


def _is_known(each: FinishedMap, keyframes: tuple[int, ...], found: list[Place]) -> bool:
    if any(k not in each.order for k in keyframes):  # culled since
        return True
    return any(
        len(place.keyframes) == len(keyframes)
        and all(
            abs(each.order[a] - each.order[b]) <= BESIDE
            for a, b in zip(place.keyframes, keyframes, strict=True)
        )
        for place in found
    )


def _place(
    each: FinishedMap, keyframes: tuple[int, ...], reason: Reason, off: float | None
) -> Place:
    start = float(each.trajectory.timestamps[0])
    views = [each.keyframes[k] for k in keyframes]
    return Place(
        keyframes,
        tuple(view.frame_index for view in views),
        tuple(view.timestamp - start for view in views),
        reason,
        off,
    )
