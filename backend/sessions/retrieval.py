"""Which of many sessions probably overlap: by the looks of their keyframes, without comparing."""

from __future__ import annotations

import itertools
from collections import defaultdict
from collections.abc import Sequence
from typing import Final

from mapper.backend.loops.descriptor_index import DescriptorIndex
from mapper.backend.sessions.session import Session
from mapper.vision.place_index import PlaceIndex

FEW: Final = 4  # sessions, of which every two are compared
NEIGHBOURS: Final = 6  # sessions that each of many is compared with
FOUND: Final = 10  # look-alikes of a keyframe in other sessions that count

Pairs = list[tuple[int, int]]


def likely_pairs(sessions: Sequence[Session]) -> Pairs:
    """Numbers (earlier, later) of sessions that are worth comparing, in order.

    All of a few. Of many, each with the NEIGHBOURS whose keyframes look most like its own: so the
    work grows with the number of sessions and not with its square.
    """
    if len(sessions) <= FEW:
        return list(itertools.combinations(range(len(sessions)), 2))
    alike = likeness(sessions)
    pairs = set()
    for number in range(len(sessions)):
        others = sorted(
            (n for n in range(len(sessions)) if n != number),
            key=lambda n: -alike[min(n, number), max(n, number)],
        )
        pairs |= {(min(n, number), max(n, number)) for n in others[:NEIGHBOURS]}
    return sorted(pair for pair in pairs if alike[pair] > 0)


def likeness(sessions: Sequence[Session]) -> defaultdict[tuple[int, int], float]:
    """Of every two that look alike at all, how much: the scores of their keyframes' look-alikes."""
    owner = {k.id: n for n, session in enumerate(sessions) for k in session.readable}
    places, descriptors = PlaceIndex(), DescriptorIndex()
    keyframes = [k for session in sessions for k in session.readable]
    for keyframe in keyframes:
        places.add(keyframe.id, keyframe.features.descriptors)
        if keyframe.descriptor is not None:
            descriptors.add(keyframe.id, keyframe.descriptor)
    alike: defaultdict[tuple[int, int], float] = defaultdict(float)
    longest = max((len(session.readable) for session in sessions), default=0)
    for keyframe in keyframes:
        own = owner[keyframe.id]
        found = places.query(keyframe.features.descriptors, longest + FOUND)
        if keyframe.descriptor is not None:
            found = found + descriptors.query(keyframe.descriptor, longest + FOUND)
        # Those of its own session may all come first.
        others = [(owner[i], score) for i, score in found if owner[i] != own]
        for other, score in others[:FOUND]:
            alike[min(own, other), max(own, other)] += score
    return alike
