"""The tables of the report: what took the time, and which loops were closed or refused."""

from __future__ import annotations

import html
from collections.abc import Mapping, Sequence
from typing import Final

import numpy as np

from mapper.backend.loops.loop_decision import LoopDecision
from mapper.report.loops import LoopRow, refusal_text

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
}
IN_BACKEND: Final = ("average", "keyframe", "loops", "optimise", "align", "fuse")


def stage_table(timings: Mapping[str, Mapping[str, float]]) -> str:
    """timings: stage -> mean, median, p99 in milliseconds, and count and total_s where known."""
    longest = max(_total(stage) for stage in timings.values()) or 1.0
    rows = []
    for name, stage in _ordered(timings):
        once = stage.get("count") == 1
        numbers = [cell(stage.get("count")), _seconds(stage)]
        numbers += [_ms(stage, key) if not once else cell(None) for key in ("median", "p99")]
        share = 100 * _total(stage) / longest
        part = " class='part'" if name in IN_BACKEND else ""
        rows.append(
            f"<tr><th{part}>{html.escape(STAGES.get(name, name))}</th>"
            f"<td class='bar'><i style='width:{share:.1f}%'></i></td>"
            + "".join(f"<td>{number}</td>" for number in numbers)
            + "</tr>"
        )
    heads = ("stage", "", "times", "total [s]", "median [ms]", "p99 [ms]")
    return table(heads, rows, "stages") + note(
        "Stages run beside one another, so that totals may exceed the wall time. Indented ones are "
        "parts of the backend's."
    )


def _ordered(
    timings: Mapping[str, Mapping[str, float]],
) -> list[tuple[str, Mapping[str, float]]]:
    """The longest first; the backend's parts follow it."""
    longest = sorted(timings.items(), key=lambda item: -_total(item[1]))
    parts = [item for item in longest if item[0] in IN_BACKEND]
    wholes = [item for item in longest if item[0] not in IN_BACKEND]
    after = next((k for k, (name, _) in enumerate(wholes, 1) if name == "backend"), len(wholes))
    return [*wholes[:after], *parts, *wholes[after:]]


def loop_table(loops: Sequence[LoopRow], is_metric: bool) -> str:
    """Closed loops, those with the largest drift first, then refused ones."""
    decisions = [loop.decision for loop in loops]
    closed = [decision for decision in decisions if decision.accepted]
    refused = [decision for decision in decisions if not decision.accepted]
    closed.sort(key=lambda d: -(d.measured.correction if d.measured else 0.0))
    shown = (*closed[:MAX_LOOPS], *refused[:MAX_LOOPS])
    rows = [_loop_row(decision, is_metric) for decision in shown]
    unit = "m" if is_metric else "units"
    heads = ("keyframes", "found by", "matches", f"residual [{unit}]", f"drift [{unit}]", "scale")
    text = (
        f"{len(closed)} closed, {len(refused)} refused. Residual: how far apart the two views' "
        "surfaces lie once they fit. Drift: how far the map was off before. Scale: of one view's "
        "units in the other's."
    )
    if len(rows) < len(loops):
        text += (
            f" Shown are {len(closed[:MAX_LOOPS])} closed ones, those with the largest drift, and "
            f"{len(refused[:MAX_LOOPS])} refused; all are in journal.jsonl."
        )
    return table((*heads, "decision"), rows, "loops") + note(text)


def _loop_row(decision: LoopDecision, is_metric: bool) -> str:
    good, measured = decision.accepted, decision.measured
    verdict = "closed" if good else f"refused: {refusal_text(decision, is_metric)}"
    numbers: tuple[float | None, ...] = (None, None, None)
    if measured is not None:
        numbers = (measured.rmse, measured.correction, measured.scale)
    cells = (decision.found_by, decision.feature_inliers or None, *numbers)
    return (
        f"<tr class='{'good' if good else 'bad'}'>"
        f"<th>{decision.i} &ndash; {decision.j}</th>"
        + "".join(f"<td>{cell(value)}</td>" for value in cells)
        + f"<td>{html.escape(verdict)}</td></tr>"
    )


def table(heads: Sequence[str], rows: Sequence[str], kind: str) -> str:
    head = "".join(f"<th>{name}</th>" for name in heads)
    return (
        f"<div class='scroll'><table class='{kind}'><thead><tr>{head}</tr></thead>"
        f"<tbody>{''.join(rows)}</tbody></table></div>"
    )


def note(text: str) -> str:
    return f"<p class='note'>{html.escape(text)}</p>"


def cell(value: object) -> str:
    """A value as HTML: three digits of a number, a dash for None."""
    if value is None:
        return "&ndash;"
    if isinstance(value, float | np.floating):
        number = float(value)
        return f"{number:.3g}" if abs(number) < 100 else f"{number:.0f}"
    return html.escape(str(value))


def _total(stage: Mapping[str, float]) -> float:
    """Seconds in all; where only means are known, those stand in for it."""
    return float(stage.get("total_s", stage.get("mean", 0.0)))


def _seconds(stage: Mapping[str, float]) -> str:
    return f"{stage['total_s']:.1f}" if "total_s" in stage else cell(None)


def _ms(stage: Mapping[str, float], key: str) -> str:
    return f"{stage[key]:.1f}" if key in stage else cell(None)
