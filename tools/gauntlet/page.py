"""The gauntlet's page: its tables and the pictures of the sequences that are most wrong."""

from __future__ import annotations

import html
from pathlib import Path
from typing import Final

from gauntlet.summary import Row, table, totals_table
from mapper.runtime.atomic_files import atomic_write

PICTURES: Final = 20
STYLE: Final = (
    "body{font:14px sans-serif;margin:2em;color:#1c2430}table{border-collapse:collapse}"
    "td,th{padding:2px 10px;border-bottom:1px solid #e4e7ec;text-align:right}"
    "td:first-child,th:first-child{text-align:left}img{display:block;margin:6px 0 20px}"
)


def write_page(path: Path, rows: list[Row], against: str) -> None:
    """against: the comparison with an earlier run, as text; empty where there was none."""
    worst = sorted(rows, key=lambda row: len(row["wrong"]), reverse=True)
    parts = [
        f"<!doctype html><meta charset=utf-8><title>Gauntlet</title><style>{STYLE}</style>",
        "<h1>Gauntlet</h1>",
        _as_html(totals_table(rows)),
        f"<pre>{html.escape(against)}</pre>",
        "<h2>Worst pictures</h2><p>The frame before the first wrong one, that one, its depth, and "
        "the way from above: true grey, mapped blue from its first frame on, wrong frames red.</p>",
    ]
    for row in worst[:PICTURES]:
        if row["picture"]:
            title = f"{row['name']}: {len(row['wrong'])} of {row['placed']} frames wrong"
            parts.append(f"<h3>{html.escape(title)}</h3>")
            parts.append(f'<img src="data:image/jpeg;base64,{row["picture"]}">')
    parts.append(f"<h2>Sequences</h2>{_as_html(table(rows))}")
    with atomic_write(path) as file:
        file.write("\n".join(parts))


def _as_html(markdown: str) -> str:
    """A table of Markdown as one of HTML."""
    lines = [line.strip("| ").split(" | ") for line in markdown.splitlines()]
    rows = [lines[0], *lines[2:]]
    cells = [
        "".join(f"<{tag}>{html.escape(cell)}</{tag}>" for cell in row)
        for row, tag in zip(rows, ["th"] + ["td"] * len(rows), strict=False)
    ]
    return "<table>" + "".join(f"<tr>{each}</tr>" for each in cells) + "</table>"
