"""The runs that are to be joined, read, with numbers that do not collide."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from mapper.backend.global_map import GlobalMap
from mapper.backend.graph.edge import Edge
from mapper.backend.graph.restoration import restored_graph
from mapper.backend.keyframes.keyframe import Keyframe, TrackedFrame
from mapper.backend.priors.tie import with_relative_poses
from mapper.backend.sessions.session import Session
from mapper.errors import ConfigError, InputError
from mapper.merging.shift import Shift
from mapper.run.directory import RunDirectory
from mapper.saved.map import load_graph, load_map
from mapper.saved.opened_map import check_version
from mapper.saved.results import backend_settings_of, known_counts
from mapper.slam.frame_counts import FrameCounts

PAUSE_S: Final = 1.0  # at least, between a session's end and the next one where times collide


@dataclass(frozen=True, slots=True, eq=False)
class MergedRun:
    """A run that takes part. name: no other one's. saved: its map, with its own numbers. shift: to
    those of the joined map, which `session` has. counts: of its frames. units_known: its map is in
    metres, by a depth camera or by what is known of it."""

    run: RunDirectory
    name: str
    saved: GlobalMap
    shift: Shift
    session: Session
    counts: FrameCounts
    units_known: bool

    @property
    def end(self) -> float:
        """Time of its last frame in the joined map [s]."""
        return max(frame.timestamp for frame in _frames(self.session.keyframes))


def opened_runs(paths: Sequence[Path]) -> list[MergedRun]:
    """The runs, one whose unit is known first: the others are brought into its world.

    Raises InputError and ConfigError for what cannot be joined.
    """
    runs = [_opened(path) for path in paths]
    _refuse_twins(runs)
    maps = [(run, load_map(run)) for run in runs]
    maps.sort(key=lambda both: _rank(*both))
    return list(_shifted(maps))


def opened_at(path: Path, shift: Shift) -> MergedRun:
    """One of the runs alone, with the numbers that it has among all."""
    run = _opened(path)
    return _merged(path.name, run, load_map(run), shift)


def _opened(path: Path) -> RunDirectory:
    run = RunDirectory.open(path)
    check_version(run)
    if run.journal.exists() and not any(run.keyframes.path(0).parent.glob("*.npz")):
        raise InputError(
            f"{path}: its keyframe files are gone (keyframes/), and nothing can be compared "
            "without them; run the sequence again"
        )
    return run


def _refuse_twins(runs: Sequence[RunDirectory]) -> None:
    seen: set[Path] = set()
    for run in runs:
        if run.path.resolve() in seen:
            raise ConfigError(f"{run.path}: named twice; name two runs that differ")
        seen.add(run.path.resolve())


def _rank(run: RunDirectory, saved: GlobalMap) -> int:
    """0 of a depth camera's, 1 of one that was made metric, 2 of one whose unit nobody knows."""
    if saved.keyframes[0].is_metric:
        return 0
    return 1 if run.read_description().says.units == "metres" else 2


def _shifted(maps: Sequence[tuple[RunDirectory, GlobalMap]]) -> Iterator[MergedRun]:
    """Each behind the ones before it, in numbers and in time."""
    shift, taken = Shift(), set[str]()
    end = -math.inf
    for run, saved in maps:
        start = min(frame.timestamp for frame in _frames(saved.keyframes))
        seconds = 0.0 if start > end else float(math.ceil(end + PAUSE_S - start))
        shift = Shift(shift.keyframes, shift.segments, shift.frames, seconds)
        name = _free_name(run.path.resolve().name, taken)
        taken.add(name)
        merged = _merged(name, run, saved, shift)
        yield merged
        end = merged.end
        shift = Shift(
            max(_ids(merged.session.keyframes)) + 1,
            max(keyframe.segment for keyframe in merged.session.keyframes) + 1,
            shift.frames + merged.counts.frames,
        )


def _merged(name: str, run: RunDirectory, saved: GlobalMap, shift: Shift) -> MergedRun:
    last = max(frame.frame_index for frame in _frames(saved.keyframes))
    return MergedRun(
        run,
        name,
        saved,
        shift,
        _session(name, run, saved, shift),
        known_counts(run, last + 1),
        _rank(run, saved) < 2,
    )


def _session(name: str, run: RunDirectory, saved: GlobalMap, shift: Shift) -> Session:
    added = shift.keyframes
    return Session(
        name,
        [shift.keyframe(keyframe) for keyframe in saved.keyframes],
        {k + added: S for k, S in saved.poses.items()},
        [shift.edge(edge) for edge in _edges(run, saved)],
        all(keyframe.is_metric for keyframe in saved.keyframes),
        frozenset(k + added for k in saved.left_out),
    )


def _edges(run: RunDirectory, saved: GlobalMap) -> list[Edge]:
    """As measured; where an alignment or what is known has moved the map since, as it is now."""
    keyframes, edges = load_graph(run, damaged=[])
    within = [edge for edge in edges if edge.i in saved.poses and edge.j in saved.poses]
    is_tied = run.priors.exists()
    if not saved.is_aligned and not is_tied:
        return within
    graph = restored_graph(backend_settings_of(run).graph, keyframes, edges)
    graph.poses.update(saved.poses)
    moved = with_relative_poses([edge for edge in within if graph.is_inlier(edge)], saved.poses)
    return [edge.with_held_scale() for edge in moved] if is_tied else moved


def _frames(keyframes: Sequence[Keyframe]) -> Iterator[TrackedFrame]:
    for keyframe in keyframes:
        for _, frames in keyframe.stretches:
            yield from frames


def _ids(keyframes: Sequence[Keyframe]) -> Iterator[int]:
    for keyframe in keyframes:
        yield keyframe.id
        yield from (visit.id for visit in keyframe.visits)


def _free_name(name: str, taken: set[str]) -> str:
    """The folder's; with a number where another one is called so."""
    number, found = 2, name
    while found in taken:
        number, found = number + 1, f"{name}-{number}"
    return found
