"""What two sessions have in common by their looks: the evidence that they are joined by, or not."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from mapper.backend.graph.edge import Edge
from mapper.backend.sessions.agreement import Agreement, agreement
from mapper.backend.sessions.encounters import Encounters, EncounterSearch
from mapper.backend.sessions.session import Session


@dataclass(frozen=True, slots=True)
class Meeting:
    """earlier, later: numbers of the sessions. encounters: all that were tried. agreement: of the
    best place. is_free: they were compared as if their units differed."""

    earlier: int
    later: int
    encounters: Encounters
    agreement: Agreement
    is_free: bool


def meetings(sessions: Sequence[Session], search: EncounterSearch) -> Iterator[Meeting]:
    """Of every two sessions, one after the other."""
    for (a, earlier), (b, later) in itertools.combinations(enumerate(sessions), 2):
        yield meeting((a, b), earlier, later, search)


def meeting(
    numbers: tuple[int, int], earlier: Session, later: Session, search: EncounterSearch
) -> Meeting:
    """Of two sessions with these numbers.

    Between two in metres the scale is one. Only where they meet nowhere so, it is looked for too:
    one of the two may have its depth scale wrong.
    """
    both_metric = earlier.is_metric and later.is_metric
    met = _met(*numbers, earlier, later, search, is_free=not both_metric)
    if both_metric and not met.agreement.is_enough:
        again = _met(*numbers, earlier, later, search, is_free=True)
        met = again if again.agreement.is_enough else met
    return met


def _met(
    a: int, b: int, earlier: Session, later: Session, search: EncounterSearch, *, is_free: bool
) -> Meeting:
    encounters = search.by_looks(earlier, later, is_free)
    poses = {**earlier.poses, **later.poses}
    by_id = {keyframe.id: keyframe for keyframe in later.keyframes}
    return Meeting(a, b, encounters, agreement(encounters.edges, poses, by_id), is_free)


def agreed_edges(met: Sequence[Meeting]) -> dict[tuple[int, int], Sequence[Edge]]:
    """Encounters by which sessions are joined, by the numbers of the two."""
    return {(m.earlier, m.later): m.agreement.edges for m in met if m.agreement.is_enough}
