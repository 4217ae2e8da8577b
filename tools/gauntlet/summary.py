"""The gauntlet's table and its totals, also against an earlier run."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import numpy as np

Row = dict[str, Any]  # an Outcome's JSON
GROUPS: Final = ("camera", "path", "rate", "richness", "layout", "size", "source")
FOUND: Final = 15  # frames
HEAD: Final = (
    "| sequence | placed | elsewhere | ATE | RPE | wrong | found after | wrong edges | ms CPU |\n"
    "| --- | --- | --- | --- | --- | --- | --- | --- | --- |"
)
TOTALS_HEAD: Final = (
    "| of | n | coverage | of those in reach | ATE median | ATE 90 % | wrong frames "
    "| within 2.5 sigma | found again "
    "| wrong edges | off | edges within 2.5 sigma | ms CPU | faults |\n"
    "| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |"
)


@dataclass(frozen=True, slots=True)
class Totals:
    """Of several sequences. wrong_share: of placed frames. ate_90: what 90 % keep within, metres.

    coverage: placed frames of all; in_reach: of those that could be tied to the others. within:
    share of the frames with an uncertainty that are off by 2.5 sigma or less, NaN where none has
    one. found_again: sequences whose camera was placed within FOUND frames of seeing a known place
    after a break, of `broken`. wrong_edges, off_edges: of `edges`, see Outcome; edges_within: share
    of them, NaN where nobody judged that. cpu_ms: mean of the sequences' means.
    """

    sequences: int
    coverage: float
    in_reach: float
    in_parts: int
    ate_median: float
    ate_90: float
    wrong: int
    wrong_share: float
    within: float
    found_again: int
    broken: int
    wrong_edges: int
    edges: int
    off_edges: int
    edges_within: float
    cpu_ms: float
    faults: int

    @classmethod
    def of(cls, rows: list[Row]) -> Totals:
        """Of at least one row."""
        frames, placed = (sum(row[key] for row in rows) for key in ("frames", "placed"))
        wrong = sum(len(row["wrong"]) for row in rows)
        ates = [row["ate"] for row in rows if row["ate"] is not None and np.isfinite(row["ate"])]
        median, ninety = np.percentile(ates, (50, 90)) if ates else (np.nan, np.nan)
        cpu = [row["cpu_ms"] for row in rows if np.isfinite(row["cpu_ms"])]
        judged = sum(row.get("judged", 0) for row in rows)
        edges = sum(row["edges"] for row in rows if "edges_within" in row)
        edges_within = sum(row.get("edges_within", 0) for row in rows)
        found = [row["found_after"] for row in rows if row.get("found_after") is not None]
        return cls(
            len(rows),
            placed / max(frames, 1),
            placed / max(frames - sum(row.get("out_of_reach", 0) for row in rows), 1),
            sum(row["in_parts"] for row in rows),
            float(median),
            float(ninety),
            wrong,
            wrong / max(placed, 1),
            sum(row.get("within", 0) for row in rows) / max(judged, 1) if judged else float("nan"),
            sum(after <= FOUND for after in found),
            len(found),
            sum(sum(row["wrong_edges"].values()) for row in rows),
            sum(row["edges"] for row in rows),
            sum(_off_edges(row) for row in rows),
            edges_within / edges if edges else float("nan"),
            float(np.mean(cpu)) if cpu else float("nan"),
            sum(bool(row["fault"]) for row in rows),
        )


def table(rows: list[Row]) -> str:
    """One line a sequence."""
    return "\n".join([HEAD, *(_line(row) for row in rows)])


def totals_table(rows: list[Row]) -> str:
    """All sequences, then by each of their traits."""
    lines = [TOTALS_HEAD, _totals_line("all", rows)]
    for trait in GROUPS:
        values = sorted({row["traits"][trait] for row in rows if trait in row["traits"]}, key=str)
        for value in values if len(values) > 1 else ():
            those = [row for row in rows if row["traits"].get(trait) == value]
            lines.append(_totals_line(f"{trait} {value}", those))
    return "\n".join(lines)


def comparison(rows: list[Row], before: list[Row]) -> str:
    """What changed since an earlier run, over the sequences of both; the most changed first."""
    earlier = {row["name"]: row for row in before}
    pairs = [(earlier[row["name"]], row) for row in rows if row["name"] in earlier]
    if not pairs:
        return "no sequence is in both runs"
    was, now = ([pair[k] for pair in pairs] for k in (0, 1))
    lines = [f"Against the earlier run, {len(pairs)} sequences of both:", "", TOTALS_HEAD]
    lines += [_totals_line("before", was), _totals_line("now", now), "", HEAD]
    changed = sorted(pairs, key=_change, reverse=True)
    for old, new in changed[:12]:
        if _change((old, new)) > 0:
            lines += [_line(old | {"name": f"{old['name']}, before"}), _line(new)]
    return "\n".join(lines)


def _change(pair: tuple[Row, Row]) -> float:
    """How much a sequence changed, in wrong frames and lost ones."""
    old, new = pair
    return abs(len(old["wrong"]) - len(new["wrong"])) + 0.5 * abs(old["placed"] - new["placed"])


def _line(row: Row) -> str:
    if row["fault"]:
        return f"| {row['name']} | {row['fault'][:80]} | | | | | | |"
    found = "" if row.get("found_after") is None else row["found_after"]
    edges = ", ".join(f"{n} {kind}" for kind, n in row["wrong_edges"].items()) or "0"
    if row["wrong_edges"]:
        edges += f" (to {row['worst_edge'] * 100:.0f} cm) of {row['edges']}"
    if _off_edges(row):
        edges += f", {_off_edges(row)} off"
    return (
        f"| {row['name']} | {row['placed']} of {row['frames']} | {row['in_parts']} | "
        f"{row['ate'] * 100:.1f} cm | {row['rpe_translation'] * 1e3:.1f} mm "
        f"{row['rpe_rotation']:.2f} deg | {len(row['wrong'])} | {found} | "
        f"{edges} | {row['cpu_ms']:.0f} |"
    )


def _off_edges(row: Row) -> int:
    """Rows of before did not ask how sure of themselves the wrong ones are."""
    return int(row.get("off_edges", sum(row["wrong_edges"].values())))


def _totals_line(name: str, rows: list[Row]) -> str:
    t = Totals.of(rows)
    return (
        f"| {name} | {t.sequences} | {t.coverage:.1%} | {t.in_reach:.1%} | "
        f"{t.ate_median * 100:.1f} cm | {t.ate_90 * 100:.1f} cm | "
        f"{t.wrong} ({t.wrong_share:.2%}) | {t.within:.0%} | {t.found_again} of {t.broken} | "
        f"{t.wrong_edges} of {t.edges} | {t.off_edges} | {t.edges_within:.0%} | "
        f"{t.cpu_ms:.0f} | {t.faults} |"
    )
