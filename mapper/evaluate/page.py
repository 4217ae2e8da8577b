"""The table of a benchmark as one HTML page with plots."""

from __future__ import annotations

import base64
import io
from html import escape
from typing import Final

import matplotlib
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from mapper.evaluate.table import Table
from mapper.report.figures import ESTIMATE, RESOLUTION_DPI, STYLE, WARM

ROW_HEIGHT: Final = 0.28  # inches of a plot, a sequence
PLOT_WIDTH: Final = 5.2  # inches
CSS: Final = """
body { font: 15px/1.5 system-ui, sans-serif; color: #1c2430; margin: 2rem auto; max-width: 75rem;
  padding: 0 1rem; }
table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums; }
th, td { padding: .35rem .6rem; text-align: right; border-bottom: 1px solid #eef0f3; }
th:first-child, td:first-child { text-align: left; }
th { color: #667085; font-weight: 600; }
tr:last-child td { font-weight: 600; border-top: 2px solid #d0d5dd; }
.scroll { overflow-x: auto; }
.plots { display: flex; flex-wrap: wrap; gap: 1rem; margin-top: 2rem; }
.plots img { width: 32rem; max-width: 100%; }
li { color: #667085; }
"""


def as_html(table: Table) -> str:
    """A page that needs no other file."""
    plots = "".join(
        f'<img alt="{escape(head)} by sequence" src="data:image/png;base64,{_encoded(picture)}">'
        for head, picture in _plots(table)
    )
    rows = "".join(_row("td", row) for row in table.rows)
    notes = "".join(f"<li>{escape(note)}</li>" for note in table.notes)
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8">'
        f"<title>{escape(table.title)}</title><style>{CSS}</style></head><body>"
        f'<h1>{escape(table.title)}</h1><div class="scroll"><table>{_row("th", table.head)}{rows}'
        f'</table></div><ul>{notes}</ul><div class="plots">{plots}</div></body></html>\n'
    )


def _row(tag: str, cells: list[str]) -> str:
    return "<tr>" + "".join(f"<{tag}>{escape(cell)}</{tag}>" for cell in cells) + "</tr>"


def _plots(table: Table) -> list[tuple[str, bytes]]:
    """A bar a sequence and a line at the mean, a picture a metric; none where nothing succeeded."""
    return [
        (head, _bars(head, {n: v[head] for n, v in table.values.items()}, mean))
        for head, mean in table.means.items()
    ]


def _bars(head: str, values: dict[str, float], mean: float) -> bytes:
    height = 1.0 + ROW_HEIGHT * len(values)
    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(PLOT_WIDTH, height), layout="constrained")
        FigureCanvasAgg(figure)
        axes = figure.subplots()
        axes.barh(list(values), list(values.values()), color=ESTIMATE, height=0.6)
        axes.axvline(mean, color=WARM, lw=1, ls="--")
        axes.invert_yaxis()
        axes.set_title(f"{head}, mean {mean:.4g}", loc="left")
        stream = io.BytesIO()
        figure.savefig(stream, format="png", dpi=RESOLUTION_DPI)
    return stream.getvalue()


def _encoded(picture: bytes) -> str:
    return base64.b64encode(picture).decode()
