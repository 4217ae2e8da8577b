"""When a map is probably wrong, and by how much: evidence gathered into stretches of time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from mapper.backend.global_map import GlobalMap
from mapper.backend.keyframes.keyframe import Keyframe
from mapper.backend.keyframes.map_cache import MapCache
from mapper.backend.self_doubt.edge_conflicts import EdgeConflict
from mapper.backend.self_doubt.match_conflicts import MatchConflict
from mapper.backend.self_doubt.misplacement import Misplacement
from mapper.backend.self_doubt.second_look import look_again
from mapper.backend.self_doubt.sides import Pair, doubted_keyframes, stretches
from mapper.backend.self_doubt.surface_conflicts import SurfaceConflict
from mapper.core.sim3 import inverse_similarity
from mapper.vision.dense_alignment import AlignmentConfig
from mapper.vision.matching import FeatureMatcher

# Without a place where the views would fit, as where they share too little: at least so many pairs,
MIN_SEVERE: Final = 3
SEVERE: Final = 0.5  # and a median score of this, or this share of all that were compared: more
SEVERE_SHARE: Final = 0.25  # than what moves makes.
LOOKED_AT: Final = 4  # pairs of a stretch that are aligned again
STRETCHES: Final = 4  # that are told of, those first that more contradicts

Told = EdgeConflict | MatchConflict  # those that say by themselves where their keyframes fit


@dataclass(frozen=True, slots=True)
class DoubtfulStretch:
    """Keyframes that others contradict. start, end, against: timestamps [s], of their first and
    last frame and of the view that contradicts most. pairs: that contradict. distance: units by
    which surfaces miss each other there, median. fit: where the views would fit; None where nothing
    was found.
    """

    start: float
    end: float
    against: float
    pairs: int
    distance: float
    fit: Misplacement | None


@dataclass(frozen=True, slots=True)
class Evidence:
    """compared: pairs whose surfaces were compared. agreeing: those that speak for the map.
    surfaces, told: what speaks against it."""

    compared: int
    agreeing: Sequence[Pair]
    surfaces: Sequence[SurfaceConflict]
    told: Sequence[Told]


@dataclass(frozen=True, slots=True)
class SecondLook:
    """Who looks again at pairs of a map, and at what."""

    final: GlobalMap
    maps: MapCache
    matcher: FeatureMatcher
    alignment: AlignmentConfig

    def keyframe(self, keyframe_id: int) -> Keyframe:
        """Of the map."""
        return next(k for k in self.final.keyframes if k.id == keyframe_id)

    def misplaced(self, pair: SurfaceConflict) -> Misplacement | None:
        """Where the pair fits, if that is somewhere else than the map has it by what shows."""
        poses = self.final.poses
        S_i_j = inverse_similarity(poses[pair.i]) @ poses[pair.j]
        keyframes = self.keyframe(pair.i), self.keyframe(pair.j)
        fit = look_again(pair, keyframes, S_i_j, self.maps, self.alignment, self.matcher)
        return fit if fit is not None and fit.shows else None


def doubtful_stretches(look: SecondLook, evidence: Evidence) -> list[DoubtfulStretch]:
    """In the order of time; none where the second look finds the views where they belong."""
    ids = sorted(look.final.fused_poses)
    contradicting = _ends([*evidence.surfaces, *evidence.told])
    held = [pair for pair in evidence.agreeing if pair not in contradicting]
    doubted = doubted_keyframes(ids, held, sorted(contradicting))
    parts = [_part(evidence, stretch) for stretch in stretches(ids, doubted)]
    parts.sort(key=lambda part: -part.pairs)
    judged = (part.judged(look, evidence.compared) for part in parts[:STRETCHES])
    return sorted((each for each in judged if each is not None), key=lambda each: each.start)


def _ends(conflicts: Sequence[SurfaceConflict | Told]) -> set[Pair]:
    return {(each.i, each.j) for each in conflicts}


def _part(evidence: Evidence, stretch: Sequence[int]) -> _Part:
    members = frozenset(stretch)
    surfaces = [each for each in evidence.surfaces if {each.i, each.j} & members]
    told = [each for each in evidence.told if {each.i, each.j} & members]
    surfaces.sort(key=lambda each: -each.score)
    return _Part(members, surfaces, told)


@dataclass(frozen=True, slots=True)
class _Part:
    """A stretch of keyframes, and what contradicts any of them, the worst first."""

    members: frozenset[int]
    surfaces: Sequence[SurfaceConflict]
    told: Sequence[Told]

    @property
    def pairs(self) -> int:
        return len(_ends([*self.surfaces, *self.told]))

    def judged(self, look: SecondLook, compared: int) -> DoubtfulStretch | None:
        """None where nothing is left of it at a second look."""
        worst, fit = self._misplaced(look)
        if worst is None or (fit is None and not self._is_severe(compared)):
            return None
        first, last = look.keyframe(min(self.members)), look.keyframe(max(self.members))
        against = look.keyframe(worst.i if worst.j in self.members else worst.j)
        apart = [each.distance for each in self.surfaces]
        return DoubtfulStretch(
            first.timestamp,
            last.frames[-1].timestamp,
            against.timestamp,
            self.pairs,
            float(np.median(apart)) if apart else 0.0,
            fit,
        )

    def _is_severe(self, compared: int) -> bool:
        if len(self.surfaces) < MIN_SEVERE:
            return False
        median = np.median([each.score for each in self.surfaces])
        return bool(median >= SEVERE or len(self.surfaces) >= SEVERE_SHARE * compared)

    def _misplaced(
        self, look: SecondLook
    ) -> tuple[SurfaceConflict | Told | None, Misplacement | None]:
        """The first of the pairs that fits elsewhere, and where; else the worst pair and None."""
        for pair in self.surfaces[:LOOKED_AT]:
            fit = look.misplaced(pair)
            if fit is not None:
                return pair, fit
        if self.told:
            return self.told[0], self.told[0].fit
        return (self.surfaces[0] if self.surfaces else None), None
