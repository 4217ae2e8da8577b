"""A sequence mapped into an old map: found there first, mapped, and joined; all of it or none."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

from mapper.errors import ConfigError, InputError
from mapper.io.sequences.bounded import BoundedSequence
from mapper.io.sequences.depth_readings import depth_camera
from mapper.io.sequences.open_sequence import open_chosen, sequence_name
from mapper.localization.localization import Localization, Reason
from mapper.merging.command import merge_runs
from mapper.pipeline import Say, map_into, say_nothing
from mapper.report.localizations import WHY
from mapper.request import RunRequest
from mapper.run.contents import is_left_over
from mapper.run.directory import RunDirectory, refuse_to_replace
from mapper.saved.opened_map import Map
from mapper.slam.progress import NullProgress, Progress

LOOKED_AT: Final = 40  # frames, spread over the sequence, of which one must be found
SESSION: Final = "-session"  # what is added to the folder's name, for the sequence's own run


@dataclass(frozen=True, slots=True)
class IntoRun:
    """run, metrics: the joined one, or where someone stopped it the sequence's own so far: then
    is_joined is False. found: the frame of the sequence that was found first in the old map."""

    run: RunDirectory
    metrics: dict[str, Any]
    is_joined: bool
    found: int | None


def map_into_run(
    request: RunRequest, say: Say = say_nothing, progress: Callable[[int], Progress] = NullProgress
) -> IntoRun:
    """Map a sequence into the map of request.into; that stays as it is, and a new run holds both.

    The sequence is looked for in the old map before anything is written, so that one of another
    place takes no time. It has a run of its own beside the new one, which a kill leaves to be
    resumed. Raises InputError where it is never found, or what was found does not hold.
    """
    assert request.into is not None
    old = Map.open(request.into)
    out = _out(request, old)
    session = out.with_name(out.name + SESSION)
    if out.exists() and not (out.is_dir() and is_left_over(out)):
        refuse_to_replace(out, request.overwrite, remedy="")
    found = None
    if not request.resume:
        found, place = first_found(request, old)
        say(f"{request.sequence}: frame {found} is in {old.run.path}: {place.inliers} features "
            f"agree, {len(place.keyframes)} keyframes")  # fmt: skip
    alone = replace(request, into=None, out=session)
    run, metrics = map_into(alone, say, progress)
    if not metrics["complete"]:
        return IntoRun(run, metrics, False, found)
    paths = [old.run.path, run.path]
    joined, metrics = merge_runs(paths, out, request.overwrite, say=say)
    return IntoRun(joined, metrics, True, found)


def first_found(request: RunRequest, old: Map) -> tuple[int, Localization]:
    """A frame of the sequence that is in an old map, and where. Raises InputError where none is."""
    reasons = Counter[Reason]()
    with closing(open_chosen(request.sequence, request.calib, request)) as stored:
        sequence = BoundedSequence(stored, 0, depth_camera(stored, request.camera_kind))
        for index in spread(len(sequence), LOOKED_AT):
            try:
                found = old.localizer.localize(sequence[index])
            except InputError:  # told of when it is mapped
                continue
            if found.reason is None:
                return index, found
            reasons[found.reason] += 1
    why = "; ".join(f"{WHY[reason]} ({count})" for reason, count in reasons.most_common(2))
    raise InputError(
        f"{request.sequence} never finds itself in {old.run.path}: of {sum(reasons.values())} "
        f"frames that were looked at none is in that map ({why or 'none could be read'}); map it "
        "by itself, without --into"
    )


def spread(count: int, most: int) -> Iterator[int]:
    """At most so many of the numbers below `count`: the first, the last, the middle, and on by
    halves, so that wherever the sequence meets the map it is found soon."""
    step, seen = max(count - 1, 1), set[int]()
    while len(seen) < min(most, count):
        for index in range(0, count, step):
            if index not in seen and len(seen) < most:
                seen.add(index)
                yield index
        step = max(step // 2, 1)


def _out(request: RunRequest, old: Map) -> Path:
    """Where the new run goes: as asked, else beside the old one under both names."""
    path = old.run.path.resolve()
    out = request.out or path.with_name(f"{path.name}+{sequence_name(request.sequence)}")
    if out.resolve() == path:
        raise ConfigError(f"--out {out}: the old map, which stays as it is; name another folder")
    return out
