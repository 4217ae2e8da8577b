"""The tables of the report: what took the time, and which loops were closed or refused."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from mapper.backend.loops.loop_decision import LoopDecision
from mapper.report.loops import LoopRow, refusal_text
from mapper.report.rendering import DASH, cell_text

MAX_LOOPS: Final = 20  # of the closed ones, and of the refused ones

# The stopwatch's stages in words. What is indented is part of the backend's time.
STAGES: Final = {
    "track": "track a frame",
    "backend": "backend, all of it",
    "average": "average a frame into its keyframe",
    "keyframe": "open a keyframe",
    "loops": "find and check loops",
    "optimise": "optimise the graph",
    "align": "align the newest keyframes",
    "fuse": "fuse surfaces",
    "record": "write and show",
    "finish": "settle and mesh, at the end",
    "doubt": "hold the map against itself",
}
IN_BACKEND: Final = ("average", "keyframe", "loops", "optimise", "align", "fuse")


@dataclass(frozen=True, slots=True)
class StageRow:
    """What a stage took. percent: of the longest one. is_part: of the backend's time.

    cells: times, total in seconds, median and p99 in milliseconds, as text.
    """

    name: str
    is_part: bool
    percent: float
    cells: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class DecisionRow:
    """A decision about a loop, as text below LoopTable.heads; keyframes stand in the first."""

    keyframes: str
    closed: bool
    cells: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class LoopTable:
    """The decisions worth a line, and a note that explains them."""

    heads: tuple[str, ...]
    rows: list[DecisionRow]
    note: str


def stage_rows(timings: Mapping[str, Mapping[str, float]]) -> list[StageRow]:
    """timings: stage -> mean, median, p99 in milliseconds, and count and total_s where known."""
    longest = max((_total(stage) for stage in timings.values()), default=0.0) or 1.0
    rows = []
    for name, stage in _ordered(timings):
        once = stage.get("count") == 1
        numbers = [cell_text(stage.get("count")), _seconds(stage)]
        numbers += [DASH if once else _ms(stage, key) for key in ("median", "p99")]
        percent = 100 * _total(stage) / longest
        rows.append(StageRow(STAGES.get(name, name), name in IN_BACKEND, percent, tuple(numbers)))
    return rows


def _ordered(
    timings: Mapping[str, Mapping[str, float]],
) -> list[tuple[str, Mapping[str, float]]]:
    """The longest first; the backend's parts follow it."""
    longest = sorted(timings.items(), key=lambda item: -_total(item[1]))
    parts = [item for item in longest if item[0] in IN_BACKEND]
    wholes = [item for item in longest if item[0] not in IN_BACKEND]
    after = next((k for k, (name, _) in enumerate(wholes, 1) if name == "backend"), len(wholes))
    return [*wholes[:after], *parts, *wholes[after:]]


def loop_table(loops: Sequence[LoopRow], is_metric: bool) -> LoopTable:
    """Closed loops, those with the largest drift first, then refused ones."""
    decisions = [loop.decision for loop in loops]
    closed = [decision for decision in decisions if decision.accepted]
    refused = [decision for decision in decisions if not decision.accepted]
    closed.sort(key=lambda d: -(d.measured.correction if d.measured else 0.0))
    shown = (*closed[:MAX_LOOPS], *refused[:MAX_LOOPS])
    unit = "m" if is_metric else "units"
    heads = ("keyframes", "found by", "matches", f"residual [{unit}]", f"drift [{unit}]", "scale")
    note = (
        f"{len(closed)} closed, {len(refused)} refused. Residual: how far apart the two views' "
        "surfaces lie once they fit. Drift: how far the map was off before. Scale: of one view's "
        "units in the other's."
    )
    if len(shown) < len(loops):
        note += (
            f" Shown are {len(closed[:MAX_LOOPS])} closed ones, those with the largest drift, and "
            f"{len(refused[:MAX_LOOPS])} refused; all are in journal.jsonl."
        )
    rows = [_decision_row(decision, is_metric) for decision in shown]
    return LoopTable((*heads, "decision"), rows, note)


def _decision_row(decision: LoopDecision, is_metric: bool) -> DecisionRow:
    good, measured = decision.accepted, decision.measured
    verdict = "closed" if good else f"refused: {refusal_text(decision, is_metric)}"
    numbers: tuple[float | None, ...] = (None, None, None)
    if measured is not None:
        numbers = (measured.rmse, measured.correction, measured.scale)
    values = (decision.found_by, decision.feature_inliers or None, *numbers, verdict)
    cells = tuple(cell_text(value) for value in values)
    return DecisionRow(f"{decision.i} {DASH} {decision.j}", good, cells)


def _total(stage: Mapping[str, float]) -> float:
    """Seconds in all; where only means are known, those stand in for it."""
    return float(stage.get("total_s", stage.get("mean", 0.0)))


def _seconds(stage: Mapping[str, float]) -> str:
    return f"{stage['total_s']:.1f}" if "total_s" in stage else DASH


def _ms(stage: Mapping[str, float], key: str) -> str:
    return f"{stage[key]:.1f}" if key in stage else DASH
