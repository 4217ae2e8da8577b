"""The table of a benchmark as one HTML page with plots."""

from __future__ import annotations

import io
from typing import Final

import matplotlib
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from mapper.evaluate.table import Table
from mapper.report.figures import ESTIMATE, RESOLUTION_DPI, STYLE, WARM
from mapper.report.rendering import render

ROW_HEIGHT: Final = 0.28  # inches of a plot, a sequence
PLOT_WIDTH: Final = 5.2  # inches


def as_html(table: Table) -> str:
    """A page that needs no other file."""
    return render("benchmark.html", table=table, plots=_plots(table))


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
