"""Finds where two sessions saw the same place: pairs of their keyframes, verified as loops are."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from mapper.backend.graph.edge import Edge, EdgeKind
from mapper.backend.keyframes.keyframe import Keyframe
from mapper.backend.keyframes.map_cache import MapCache
from mapper.backend.loops.edge_measurement import EdgeConfig
from mapper.backend.loops.loop_candidates import Candidate, CandidateFinder, overlapping
from mapper.backend.loops.loop_closer import LoopCloser, LoopCloserConfig, Pair
from mapper.backend.loops.loop_decision import LoopDecision
from mapper.backend.sessions.session import Session
from mapper.vision.matching import FeatureMatcher

# By what an encounter with a network's view is off, more than it tells: radians, share of the
# depth, log scale. 14 pairs of a Kinect and of simulated predictions were 3 to 10 cm off at 2 m,
# and 1 to 4 degrees.
WARP_ROTATION: Final = 0.03
WARP_SHARE: Final = 0.03
WARP_LOG_SCALE: Final = 0.03
RETRIEVED: Final = 4  # look-alikes of a keyframe that are tried, of each kind of recognition
NEAREST: Final = 4  # keyframes tried that see most of the same, where the sessions are placed


@dataclass(frozen=True, slots=True)
class Encounters:
    """edges: from keyframes of the earlier session to such of the later one. decisions: about all
    pairs that were tried."""

    edges: tuple[Edge, ...] = ()
    decisions: tuple[LoopDecision, ...] = ()

    def __add__(self, more: Encounters) -> Encounters:
        return Encounters(self.edges + more.edges, self.decisions + more.decisions)


class EncounterSearch:
    """Proposes pairs by looks or by place; every one is verified the same way."""

    def __init__(
        self, maps: MapCache, loops: LoopCloserConfig, edges: EdgeConfig, matcher: FeatureMatcher
    ) -> None:
        """maps: of all sessions' keyframes that can be read."""
        self._maps, self._loops = maps, loops
        self._closer = LoopCloser(loops, edges, matcher)

    def by_looks(self, earlier: Session, later: Session, free_scale: bool) -> Encounters:
        """Wherever the sessions lie. free_scale: their units may differ."""
        finder = CandidateFinder(self._loops.candidates)
        by_id = {keyframe.id: keyframe for keyframe in earlier.readable}
        for keyframe in by_id.values():
            finder.remember(keyframe)
        # Of the two nothing is known yet: a pair that starts nowhere is refused.
        pairs = (
            Pair(by_id[candidate.i], new, np.eye(4), candidate, free_scale)
            for new in later.readable
            for candidate in _look_alikes(finder, new)
        )
        return self._verified(pairs)

    def by_place(
        self,
        later: Session,
        earlier: Mapping[int, Keyframe],
        poses: Mapping[int, np.ndarray],
        free_with: frozenset[int],
        tried: set[tuple[int, int]],
    ) -> Encounters:
        """Of keyframes that see the same where they are now.

        earlier: readable keyframes of other sessions by id. poses: S_world_keyframe of these and of
        the later session's. free_with: ids of those whose units may differ. tried: pairs that are
        left out; the new ones are added.
        """
        return self._verified(self._overlapping(later, earlier, poses, free_with, tried))

    def _overlapping(
        self,
        later: Session,
        earlier: Mapping[int, Keyframe],
        poses: Mapping[int, np.ndarray],
        free_with: frozenset[int],
        tried: set[tuple[int, int]],
    ) -> Iterator[Pair]:
        min_overlap = self._loops.candidates.min_overlap
        for new in later.readable:
            if new.id not in poses:
                continue
            seen = {k: poses[k] for k in (*earlier, new.id) if k in poses}
            for i in overlapping(new.id, seen, self._maps, min_overlap)[:NEAREST]:
                if (i, new.id) in tried:
                    continue
                tried.add((i, new.id))
                S_old_new = np.linalg.inv(poses[i]) @ poses[new.id]
                candidate = Candidate(i, EdgeKind.LOOP, "proximity")
                yield Pair(earlier[i], new, S_old_new, candidate, i in free_with)

    def _verified(self, pairs: Iterator[Pair]) -> Encounters:
        edges, decisions = [], []
        for pair in pairs:
            edge, decision = self._closer.verify(pair, self._maps)
            decisions.append(decision)
            if edge is not None:
                edges.append(edge if self._is_measured(pair) else _loosened(edge, pair.new))
        return Encounters(tuple(edges), tuple(decisions))

    def _is_measured(self, pair: Pair) -> bool:
        """Whether a depth camera saw both."""
        both = (self._maps.coarse(keyframe.id) for keyframe in (pair.old, pair.new))
        return all(level.noise.is_measured for level in both)


def _loosened(edge: Edge, later: Keyframe) -> Edge:
    """As certain as depth lets it be that a network made: it is warped by more than shows in how
    well two views fit, while what its own session adjusted over many views is not."""
    sigmas = [WARP_ROTATION] * 3 + [WARP_SHARE * later.median_depth] * 3 + [WARP_LOG_SCALE]
    loose = edge.doubted(np.diag(np.array(sigmas) ** 2))
    full = edge.when_confirmed
    return replace(
        edge,
        information=loose.information if full is None else edge.information,
        when_confirmed=None if full is None else loose.information,
    )


def _look_alikes(finder: CandidateFinder, new: Keyframe) -> Iterator[Candidate]:
    """Each keyframe once, by whichever recognition names it first."""
    taken: set[int] = set()
    for found_by, found in finder.look_alikes(new):
        for i in found[:RETRIEVED]:
            if i not in taken:
                taken.add(i)
                yield Candidate(i, EdgeKind.LOOP, found_by)
