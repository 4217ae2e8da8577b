"""What is worth knowing of a run and no fault of it, in plain words, for its report."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, Final

from mapper.backend.loops.loop_decision import LoopDecision
from mapper.report.knowledge import tied_in_words
from mapper.report.loops import PLAIN

NAMED: Final = 5  # things that moved


def notes(metrics: Mapping[str, Any], decisions: Sequence[LoopDecision]) -> list[str]:
    """Sentences. decisions: about loops, refusals among them: to propose more than is true and to
    refuse it is how loops are found."""
    tied = [f"{line[0].upper()}{line[1:]}." for line in tied_in_words(metrics)]
    moved = [f"{line[0].upper()}{line[1:]}." for line in moved_in_words(metrics)]
    return [*_input(metrics), *tied, *moved, *_loops(decisions)]


def moved_in_words(metrics: Mapping[str, Any]) -> list[str]:
    """What moved while the map was made, the largest first."""
    moving = metrics.get("moving", {})
    things = moving.get("things", [])
    lines = [_thing_in_words(thing, metrics.get("units") == "metres") for thing in things[:NAMED]]
    if len(things) > NAMED:
        lines.append(f"{len(things) - NAMED} smaller things moved too")
    if things and not moving["removed"]:
        lines.append("what moved is still in the map (--dynamic keep)")
    return lines


def _thing_in_words(thing: Mapping[str, Any], is_metric: bool) -> str:
    size = " x ".join(f"{100 * x:.0f}" if is_metric else f"{x:.2f}" for x in thing["size"])
    unit = "cm" if is_metric else "units"
    place = ", ".join(f"{x:.2f}" for x in thing["centre"])
    return (
        f"a thing of {size} {unit} at ({place}) moved: seen there from {thing['seen_from_s']:.1f} "
        f"to {thing['seen_until_s']:.1f} s, gone by {thing['gone_by_s']:.1f} s"
    )


def _input(metrics: Mapping[str, Any]) -> list[str]:
    """What the reader of the input had to say."""
    said = [str(note) for note in metrics.get("input_notes", [])]
    return [f"Of the input: {note.rstrip('.')}." for note in said]


def _loops(decisions: Sequence[LoopDecision]) -> list[str]:
    reasons = Counter(PLAIN[d.refusal] for d in decisions if d.refusal is not None)
    refused = reasons.total()
    if not refused:
        return []
    counted = ", ".join(f"{reason} ({count})" for reason, count in reasons.most_common())
    was = "was" if refused == 1 else "were"
    return [f"{refused} of {len(decisions)} proposed loops {was} refused: {counted}."]
