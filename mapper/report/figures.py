"""The plots of the report, as PNG."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from mapper.core.trajectory import MATCH_SECONDS, matching_times
from mapper.report.data import ReportData
from mapper.report.doubts import doubtful_stretches
from mapper.report.units import grid_step, plan_axes

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

ESTIMATE: Final = "#2563c9"
GROUND_TRUTH: Final = "#98a2b3"
LOOP: Final = "#1a8a55"
WARM: Final = "#d9822b"
RESOLUTION_DPI: Final = 150
LOOP_WIDTH: Final = (0.25, 1.6)  # points, of many loops and of few
LOOP_CROWD: Final = 60.0  # points of width for all together, in between
STYLE: Final[Any] = {
    "font.size": 9.5,
    "font.family": "sans-serif",
    "axes.edgecolor": "#d0d5dd",
    "axes.labelcolor": "#667085",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": "#eef0f3",
    "xtick.color": "#667085",
    "ytick.color": "#667085",
    "text.color": "#1c2430",
    "axes.titlesize": 10,
}


def trajectory_figure(report: ReportData) -> bytes:
    """Bird's-eye view and height over time; loop closures marked.

    Both by the first camera's axes where the map knows no plumb line; with north up where it lies
    on the Earth. The grid is as wide as it is high.
    """
    axes = plan_axes(report.metrics)
    across = [axes.right, axes.ahead]
    figure, (plan, height) = _figure(1, 2, (10.4, 4.6), width_ratios=[1.25, 1])
    start = report.estimate.timestamps[0]
    if report.ground_truth is not None:
        truth = report.ground_truth.trajectory.positions
        plan.plot(*truth[:, across].T, color=GROUND_TRUTH, lw=2.6, label="ground truth")
        times = report.ground_truth.trajectory.timestamps - start
        height.plot(times, axes.height(truth), color=GROUND_TRUTH, lw=2.6)
    way = report.estimate.positions
    plan.plot(*way[:, across].T, color=ESTIMATE, lw=1.4, label="estimate", zorder=4)
    plan.plot(*way[0, across], "o", color="#1c2430", ms=5, label="start", zorder=5)
    draw_doubtful(plan, height, report)
    draw_keyframes_and_loops(plan, report)
    plan.set_aspect("equal", adjustable="datalim")
    right, ahead, up = axes.names
    plan.set_title("From above", loc="left")
    plan.set(xlabel=f"{right} [{report.unit}]", ylabel=f"{ahead} [{report.unit}]")
    _draw_grid(plan, axes.is_placed)
    plan.legend(loc="best", frameon=True, framealpha=0.85, edgecolor="none")
    height.plot(report.estimate.timestamps - start, axes.height(way), color=ESTIMATE, lw=1.2)
    height.set_title("Height", loc="left")
    height.set(xlabel="time [s]", ylabel=f"{up} [{report.unit}]")
    return _png(figure)


def _draw_grid(plan: Axes, has_north: bool) -> None:
    """Squares of a round size, and an arrow to the north."""
    from matplotlib.ticker import MultipleLocator

    step = grid_step(float(np.ptp([plan.get_xlim(), plan.get_ylim()], axis=1).max()))
    for axis in (plan.xaxis, plan.yaxis):
        axis.set_major_locator(MultipleLocator(step))
    if has_north:
        plan.annotate(
            "N",
            xy=(1.03, 1.0),
            xytext=(1.03, 0.84),
            xycoords="axes fraction",
            ha="center",
            va="top",
            annotation_clip=False,
            arrowprops={"arrowstyle": "-|>", "color": "#1c2430", "lw": 1.4},
        )


def draw_doubtful(plan: Axes, height: Axes, report: ReportData) -> None:
    """Where the way is probably wrong, by what the map says against itself."""
    times = report.estimate.timestamps - report.estimate.timestamps[0]
    way, axes = report.estimate.positions, plan_axes(report.metrics)
    x, y, up = way[:, axes.right], way[:, axes.ahead], axes.height(way)
    for number, stretch in enumerate(doubtful_stretches(report.metrics)):
        first, last = np.searchsorted(times, (stretch["start_s"] - 1e-6, stretch["end_s"] + 1e-6))
        doubted, label = slice(max(first - 1, 0), last), None if number else "probably wrong"
        plan.plot(x[doubted], y[doubted], color=WARM, lw=2.6, label=label, zorder=4)
        height.plot(times[doubted], up[doubted], color=WARM, lw=2.6, zorder=4)


def error_figure(report: ReportData) -> bytes:
    """Distance between estimate and ground truth at each moment both know of; up to scale, where
    the map has no metres, in those of the truth."""
    figure, axes = _figure(1, 1, (10.4, 2.8))
    times, errors = matched_errors(report)
    how = "" if report.is_metric else " up to scale"
    axes.set(xlabel="time [s]", ylabel=f"distance{how} [cm]")
    if len(errors) == 0:
        axes.text(0.5, 0.5, "no moment in common", ha="center", transform=axes.transAxes)
        return _png(figure)
    times, errors = times - report.estimate.timestamps[0], errors * 100
    axes.fill_between(times, errors, color=ESTIMATE, alpha=0.12, lw=0)
    axes.plot(times, errors, color=ESTIMATE, lw=1.1)
    rmse = float(np.sqrt((errors**2).mean()))
    label = f"RMSE {rmse:.3g} cm, largest {errors.max():.3g} cm"
    axes.axhline(rmse, color=WARM, lw=1, ls="--", label=label)
    axes.set_ylim(bottom=0)
    axes.legend(loc="best", frameon=False)
    return _png(figure)


def matched_errors(report: ReportData) -> tuple[np.ndarray, np.ndarray]:
    """Timestamps (M,) of the estimate's poses that have ground truth in time, and their distances
    to it (M,) in metres of the truth."""
    estimate = report.estimate
    if report.ground_truth is None or len(estimate) == 0:
        return np.zeros(0), np.zeros(0)
    truth = report.ground_truth.trajectory
    if len(truth) < 2:
        return np.zeros(0), np.zeros(0)
    true, found = matching_times(truth.timestamps, estimate.timestamps, MATCH_SECONDS)
    offsets = estimate.positions[found] - truth.positions[true]
    distances = report.ground_truth.unit_m * np.linalg.norm(offsets, axis=1)
    return estimate.timestamps[found], distances


def latency_figure(report: ReportData) -> bytes:
    """Milliseconds a frame, with median and 99th percentile."""
    figure, axes = _figure(1, 1, (10.4, 2.8))
    latencies = np.asarray(report.frame_latencies_ms, dtype=float)
    axes.plot(latencies, ".", color=ESTIMATE, ms=2.6, alpha=0.7)
    for value, name, color in (
        (np.median(latencies), "median", "#1c2430"),
        (np.percentile(latencies, 99), "p99", WARM),
    ):
        axes.axhline(value, color=color, lw=1, ls="--", label=f"{name} {value:.1f} ms")
    axes.set(xlabel="frame", ylabel="latency [ms]", ylim=(0, None))
    axes.legend(loc="upper left", ncols=2, frameon=False)
    return _png(figure)


def draw_keyframes_and_loops(plan: Axes, report: ReportData) -> None:
    """Keyframes as dots, loops as lines between them, seen from above."""
    axes = plan_axes(report.metrics)
    keyframes = np.asarray(report.keyframe_positions).reshape(-1, 3)[:, [axes.right, axes.ahead]]
    if len(keyframes):
        plan.plot(*keyframes.T, ".", color=ESTIMATE, ms=5, label="keyframes", zorder=4)
    closed = [
        keyframes[[loop.row_i, loop.row_j]]
        for loop in report.loops
        if loop.decision.accepted and loop.row_i is not None and loop.row_j is not None
    ]
    # Hundreds of loops would hide the way that they join: then they are a faint web below it.
    strength = max(LOOP_WIDTH[0], min(LOOP_WIDTH[1], LOOP_CROWD / max(1, len(closed))))
    for number, ends in enumerate(closed):
        label = None if number else "loop closures"
        plan.plot(*ends.T, color=LOOP, lw=strength, label=label, zorder=2)


def _figure(
    rows: int, columns: int, size: tuple[float, float], **layout: Any
) -> tuple[Figure, Any]:
    """A figure that belongs to no window: the machine may have none."""
    import matplotlib
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=size, dpi=RESOLUTION_DPI, layout="constrained")
        FigureCanvasAgg(figure)
        axes = figure.subplots(rows, columns, gridspec_kw=layout or None)
    return figure, axes


def _png(figure: Figure) -> bytes:
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png")
    return buffer.getvalue()
