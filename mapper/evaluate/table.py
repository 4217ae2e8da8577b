"""The table of a benchmark: for the terminal, as CSV and as LaTeX."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from mapper.evaluate.protocol import Protocol

MEAN: Final = "mean"
FAILED: Final = "failed"
DEPTH_COLUMNS: Final = ("abs_rel", "rmse", "log_rmse", "delta_1")
RECONSTRUCTION_COLUMNS: Final = {
    "accuracy": "Acc [m]",
    "accuracy_median": "Acc med [m]",
    "completeness": "Comp [m]",
    "completeness_median": "Comp med [m]",
    "normal": "NC",
    "normal_median": "NC med",
}
POSE_COLUMNS: Final = {
    "ate": "ATE [m]",
    "ate_sim3": "ATE Sim(3) [m]",
    "rpe_translation": "RPE trans [m]",
    "rpe_rotation_deg": "RPE rot [deg]",
    "scale_error": "scale error",
}
DEPTH_HEADS: Final = {
    "abs_rel": "Abs Rel",
    "rmse": "RMSE [m]",
    "log_rmse": "Log RMSE",
    "delta_1": "d < 1.25",
}


@dataclass(frozen=True, slots=True)
class Table:
    """head: of the columns. rows: as text, one a sequence and the mean last. title, notes: lines.

    values: by sequence, then by column head, of those that succeeded. means: by column head, as the
    protocol takes them.
    """

    title: str
    head: list[str]
    rows: list[list[str]]
    notes: list[str]
    values: dict[str, dict[str, float]]
    means: dict[str, float] = field(default_factory=dict)


def columns(protocol: Protocol) -> dict[str, str]:
    """Heads of the columns by metric."""
    if protocol.task == "reconstruction":
        return dict(RECONSTRUCTION_COLUMNS)
    if protocol.task == "pose" and protocol.pose.metric == "pairs":
        return {f"auc_{t}": f"AUC@{t}" for t in protocol.pose.thresholds}
    if protocol.task == "pose":
        twice = ("ate_sim3",) if protocol.pose.alignment == "sim3" else ()
        return {metric: head for metric, head in POSE_COLUMNS.items() if metric not in twice}
    return {
        f"{alignment}.{name}": f"{DEPTH_HEADS[name]} ({alignment})"
        for alignment in protocol.depth.alignments
        for name in DEPTH_COLUMNS
    }


def table_of(protocol: Protocol, title: str, summary: Mapping[str, Any]) -> Table:
    """The table of a summary; see mapper.evaluate.averages."""
    heads = columns(protocol)
    rows, values = [], {}
    for name, row in summary["sequences"].items():
        if row["status"] == "ok":
            cells = [_cell(row["metrics"], row["spread"], metric) for metric in heads]
            pace = [f"{row['coverage']:.1%}", f"{row['frames_per_second']:.2f}"]
            values[name] = {h: row["metrics"][m] for m, h in heads.items() if m in row["metrics"]}
        else:
            cells, pace = [FAILED, *[""] * (len(heads) - 1)], ["", ""]
        rows.append([name, *cells, *pace])
    means = [_cell(summary["mean"], summary["spread"], metric) for metric in heads]
    count = f"{MEAN} ({summary['succeeded']} of {summary['expected']})"
    rows.append([count, *means, "", ""])
    head = ["sequence", *heads.values(), "coverage", "frames/s"]
    numbers = {h: summary["mean"][m] for m, h in heads.items() if m in summary["mean"]}
    return Table(title, head, rows, notes_of(summary), values, numbers)


def notes_of(summary: Mapping[str, Any]) -> list[str]:
    """Failures, exclusions and what else has to be known, one line each."""
    notes = []
    for name, row in summary["sequences"].items():
        if row["status"] != "ok":
            notes.append(f"{name} failed: {row['error']}")
    told = {note for row in summary["sequences"].values() for note in row["notes"]}
    notes += sorted(told)
    if summary["excluded"]:
        names = ", ".join(summary["excluded"])
        notes.append(f"left out by the protocol, as too short or a failed reconstruction: {names}")
    if summary["repetitions"] > 1:
        notes.append(f"mean and standard deviation of {summary['repetitions']} repetitions")
    return notes


def _cell(metrics: Mapping[str, float], spread: Mapping[str, float], name: str) -> str:
    if name not in metrics:
        return "-"
    text = f"{metrics[name]:z.4f}"
    return f"{text} ± {spread[name]:.4f}" if name in spread else text


def as_text(table: Table) -> str:
    """For a terminal."""
    widths = [max(len(row[i]) for row in [table.head, *table.rows]) for i in range(len(table.head))]
    lines = [table.title, ""]
    for row in [table.head, *table.rows]:
        first, *rest = (cell.rjust(width) for cell, width in zip(row, widths, strict=True))
        lines.append("  ".join([row[0].ljust(len(first)), *rest]).rstrip())
    return "\n".join([*lines, *([""] if table.notes else []), *table.notes])


def as_csv(table: Table) -> str:
    """A row a sequence, the mean last."""
    stream = io.StringIO()
    csv.writer(stream, lineterminator="\n").writerows([table.head, *table.rows])
    return stream.getvalue()


def as_latex(table: Table) -> str:
    """A tabular for the package booktabs; what is not in it stands in comments."""
    lines = [f"% {line}" for line in [table.title, *table.notes]]
    lines.append(r"\begin{tabular}{l" + "r" * (len(table.head) - 1) + "}")
    lines += [r"\toprule", _latex_row(table.head), r"\midrule"]
    lines += [_latex_row(row) for row in table.rows[:-1]]
    lines += [r"\midrule", _latex_row(table.rows[-1]), r"\bottomrule", r"\end{tabular}", ""]
    return "\n".join(lines)


def _latex_row(row: list[str]) -> str:
    cells = [cell.replace("_", r"\_").replace("%", r"\%").replace("±", r"$\pm$") for cell in row]
    return " & ".join(cell.replace("<", "$<$") for cell in cells) + r" \\"
