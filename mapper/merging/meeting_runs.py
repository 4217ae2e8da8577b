"""Which runs overlap and where: pairs of runs, compared here or by several workers."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from mapper.backend.config import BackendConfig
from mapper.backend.keyframes.map_cache import MapCache
from mapper.backend.sessions.anchoring import anchored
from mapper.backend.sessions.encounters import EncounterSearch
from mapper.backend.sessions.meeting import Meeting, agreed_edges, meeting
from mapper.backend.sessions.retrieval import likely_pairs
from mapper.core.geometry import backproject
from mapper.errors import InputError
from mapper.merging.keyframe_store import MergedKeyframes
from mapper.merging.sessions import MergedRun, opened_at
from mapper.merging.shift import Shift
from mapper.runtime.workers import Died, Workers, outcomes
from mapper.slam.matchers import choose_matcher, matcher_that_made
from mapper.vision.matching import FeatureMatcher


@dataclass(frozen=True, slots=True)
class PairOfRuns:
    """Two runs to be compared by whoever can read them. numbers: theirs among all that are joined.
    paths, shifts: where they lie, and their numbers in the joined map."""

    numbers: tuple[int, int]
    paths: tuple[Path, Path]
    shifts: tuple[Shift, Shift]
    config: BackendConfig


def meet(
    runs: Sequence[MergedRun],
    search: EncounterSearch,
    config: BackendConfig,
    workers: Workers,
    say: Callable[[str], None],
) -> tuple[list[Meeting], dict[int, np.ndarray]]:
    """All that were compared, and S_world_session (4, 4) of those that are joined, by number.

    Those that look alike come first. Whoever is not joined so is compared with all others before
    he is refused.
    """
    sessions = [each.session for each in runs]
    met: list[Meeting] = []
    pairs = likely_pairs(sessions)
    while True:
        for found in _compared(runs, pairs, search, config, workers):
            met.append(found)
            names = runs[found.earlier].name, runs[found.later].name
            say(f"{names[0]} and {names[1]}: {_in_words(found)}")
        met.sort(key=lambda m: (m.earlier, m.later))  # whoever came first
        free = frozenset((m.earlier, m.later) for m in met if m.is_free)
        S_world_session = anchored(sessions, agreed_edges(met), free)
        tried = {(m.earlier, m.later) for m in met}
        pairs = [
            (a, b)
            for a, b in itertools.combinations(range(len(runs)), 2)
            if (a, b) not in tried and (a in S_world_session) != (b in S_world_session)
        ]
        if not pairs:
            return met, S_world_session


def _compared(
    runs: Sequence[MergedRun],
    pairs: Sequence[tuple[int, int]],
    search: EncounterSearch,
    config: BackendConfig,
    workers: Workers,
) -> Iterator[Meeting]:
    """As they come."""
    if workers.ray is None and workers.processes == 1:
        for a, b in pairs:  # with the maps that are in memory
            yield meeting((a, b), runs[a].session, runs[b].session, search)
        return
    orders = [
        PairOfRuns(
            (a, b),
            (runs[a].run.path.resolve(), runs[b].run.path.resolve()),
            (runs[a].shift, runs[b].shift),
            config,
        )
        for a, b in pairs
    ]
    for order, outcome in outcomes(compared, orders, workers):
        if isinstance(outcome, Died):
            names = " and ".join(runs[number].name for number in order.numbers)
            raise InputError(f"{names} could not be compared: {outcome.reason}")
        yield outcome


def compared(pair: PairOfRuns) -> Meeting:
    """What two runs have in common, read anew: by a worker that shares no memory with others."""
    runs = [opened_at(path, shift) for path, shift in zip(pair.paths, pair.shifts, strict=True)]
    maps = maps_of(runs, MergedKeyframes(runs), pair.config)
    matcher = common_features(runs, maps)
    search = EncounterSearch(maps, pair.config.loops, pair.config.edges, matcher)
    return meeting(pair.numbers, runs[0].session, runs[1].session, search)


def maps_of(runs: Iterable[MergedRun], store: MergedKeyframes, config: BackendConfig) -> MapCache:
    """Of all keyframes that can be read."""
    maps = MapCache(store, config.cached_keyframes, config.fusion.tsdf.max_depth)
    for each in runs:
        for keyframe in each.session.readable:
            maps.adopt(keyframe.id)
    return maps


def common_features(runs: Sequence[MergedRun], maps: MapCache) -> FeatureMatcher:
    """Who compares the keyframes; those that have other features get new ones."""
    keyframes = [k for each in runs for k in each.session.readable]
    matcher = matcher_that_made(keyframes)
    if not all(matcher.made(keyframe.features) for keyframe in keyframes):
        matcher = choose_matcher("auto")
    for keyframe in keyframes:
        if not matcher.made(keyframe.features):
            view = maps.map(keyframe.id)
            pointmap = backproject(view.depth, view.intrinsics)
            keyframe.features = matcher.extract(view.image, pointmap)
    return matcher


def _in_words(found: Meeting) -> str:
    tried, agreeing = len(found.encounters.decisions), len(found.agreement.edges)
    verified = len(found.encounters.edges)
    return f"{tried} pairs of keyframes tried, {verified} verified, {agreeing} agree on one place"
