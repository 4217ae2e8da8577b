"""What is worth knowing of a run and no fault of it, in plain words, for its report."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from mapper.backend.loops.loop_decision import LoopDecision
from mapper.report.knowledge import tied_in_words
from mapper.report.loops import PLAIN


def notes(metrics: Mapping[str, Any], decisions: Sequence[LoopDecision]) -> list[str]:
    """Sentences. decisions: about loops, refusals among them: to propose more than is true and to
    refuse it is how loops are found."""
    tied = [f"{line[0].upper()}{line[1:]}." for line in tied_in_words(metrics)]
    return [*_input(metrics), *tied, *_loops(decisions)]


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
