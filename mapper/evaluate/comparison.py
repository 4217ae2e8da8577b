"""The differences between two benchmarks."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from mapper.core.settings_model import from_mapping
from mapper.evaluate.protocol import Protocol
from mapper.evaluate.results import ResultFolder
from mapper.evaluate.table import Table, columns


def compare(first: Path, second: Path) -> tuple[Table, dict[str, Any]]:
    """(table, plain values) of what changed from the first folder's results to the second's.

    The mean is that of each folder. Sequences that only one of them has are named in the notes.
    """
    before, after = ResultFolder(first).summary(), ResultFolder(second).summary()
    protocol = from_mapping(Protocol, after["request"]["protocol"])
    heads = columns(protocol)
    both = [n for n in before["sequences"] if _ok(before, n) and _ok(after, n)]
    pairs = {n: (before["sequences"][n], after["sequences"][n]) for n in both}
    rows = [[n, *(_cell(a, b, m) for m in heads)] for n, (a, b) in pairs.items()]
    rows.append(["mean", *(_cell(before, after, m, "mean") for m in heads)])
    values = {
        n: {h: b["metrics"][m] - a["metrics"][m] for m, h in heads.items() if _have(a, b, m)}
        for n, (a, b) in pairs.items()
    }
    title = f"{first} -> {second}"
    table = Table(title, ["sequence", *heads.values()], rows, list(_notes(before, after)), values)
    means = {
        m: after["mean"][m] - before["mean"][m] for m in heads if _have(before, after, m, "mean")
    }
    return table, {"sequences": values, "mean": means, "notes": table.notes}


def _ok(summary: Mapping[str, Any], name: str) -> bool:
    return name in summary["sequences"] and summary["sequences"][name]["status"] == "ok"


def _have(
    before: Mapping[str, Any], after: Mapping[str, Any], metric: str, key: str = "metrics"
) -> bool:
    return metric in before[key] and metric in after[key]


def _cell(
    before: Mapping[str, Any], after: Mapping[str, Any], metric: str, key: str = "metrics"
) -> str:
    """Before, after and change, in per cent where both are positive.

    A change within both spreads is marked with ~.
    """
    if not _have(before, after, metric, key):
        return "-"
    old, new = before[key][metric], after[key][metric]
    change = f"{new / old - 1:+.1%}" if old > 0 and new >= 0 else f"{new - old:+.4f}"
    noise = before["spread"].get(metric, 0.0) + after["spread"].get(metric, 0.0)
    mark = " ~" if noise and abs(new - old) <= noise else ""
    return f"{old:.4f} -> {new:.4f} ({change}){mark}"


def _notes(before: Mapping[str, Any], after: Mapping[str, Any]) -> Iterator[str]:
    """What makes the two differ besides their figures."""
    for what in ("dataset", "frontend", "backend", "profile", "changes"):
        old, new = before["request"][what], after["request"][what]
        if old != new:
            yield f"{what}: {old} -> {new}"
    first, second = (summary["request"]["protocol"] for summary in (before, after))
    for what in sorted(first.keys() & second.keys() - {"source"}):
        if first[what] != second[what]:
            yield f"protocol {what}: {first[what]} -> {second[what]}; the figures do not compare"
    if before["code"]["source"] != after["code"]["source"]:
        yield f"code: {before['code']['source']} -> {after['code']['source']}"
    for name in sorted({*before["sequences"], *after["sequences"]}):
        states = [_state(summary, name) for summary in (before, after)]
        if states != ["ok", "ok"]:
            yield f"{name}: {states[0]} -> {states[1]}, not compared; the means differ in sequences"
    if before["repetitions"] > 1 or after["repetitions"] > 1:
        yield "~ marks changes within the standard deviations of the repetitions"


def _state(summary: Mapping[str, Any], name: str) -> str:
    return summary["sequences"][name]["status"] if name in summary["sequences"] else "absent"
