"""The report of a run: one HTML file that a person looks at first, complete in itself."""

from __future__ import annotations

import base64
import html
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import cv2
import numpy as np

from mapper.core.trajectory import Trajectory
from mapper.report import figures
from mapper.report.loops import LoopRow
from mapper.report.problems import problems
from mapper.report.style import STYLE
from mapper.report.tables import cell, loop_table, note, stage_table, table
from mapper.runtime.atomic_files import atomic_write

# Tiles in order: key of metrics, what it is called, its number, its unit, a colour where not 0.
TILES: Final = (
    ("lost", "frames lost", "{:.0f}", "", "warn"),
    ("skipped", "frames unreadable", "{:.0f}", "", "warn"),
    ("left_out", "frames left out", "{:.0f}", "", "warn"),
    ("dropped", "images dropped", "{:.0f}", "", "warn"),
    ("wall_time_s", "wall time", "{:.1f}", "s", ""),
    ("fps", "frames a second", "{:.1f}", "", ""),
    ("peak_memory_mb", "peak memory", "{:.0f}", "MB", ""),
    ("keyframes", "keyframes", "{:.0f}", "", ""),
)
NO_LOOP: Final = "No loop was proposed."
NO_TRUTH: Final = "There is no ground truth for this sequence, so its error is not known."
LIVE_TILES: Final = ("left_out", "dropped")  # shown of a live run, or where they are not 0
GROUND_TRUTH_TILES: Final = (("ate_rmse", "ATE, RMSE"), ("rpe_rmse", "RPE, RMSE"))


@dataclass(frozen=True, slots=True)
class ReportData:
    """All that the report shows. World frame: OpenCV axes, y down.

    metrics: frames, tracked, lost, skipped, left_out, fps, wall_time_s, peak_memory_mb, keyframes,
    loops_accepted, loops_refused, ate_rmse, rpe_rmse, and of a live run received, dropped, breaks
    ...; absent ones are left out. "timings" holds stage -> {"count", "total_s", and "mean",
    "median", "p99" in milliseconds}.
    keyframe_positions: (K, 3). loops: every pair that was proposed as one, with rows of those.
    ground_truth: in the estimate's frame, or None. alignment_costs: before and after each round of
    the global alignment; empty without. mesh_pictures: uint8 (H, W, 3), RGB. frame_latencies_ms:
    (N,). files: the run's outputs.
    """

    name: str
    frontend: str
    metrics: Mapping[str, Any]
    estimate: Trajectory
    is_metric: bool = True
    keyframe_positions: np.ndarray = field(default_factory=lambda: np.zeros((0, 3)))
    loops: Sequence[LoopRow] = ()
    alignment_costs: Sequence[tuple[float, float]] = ()
    ground_truth: Trajectory | None = None
    mesh_pictures: Sequence[np.ndarray] = ()
    frame_latencies_ms: np.ndarray = field(default_factory=lambda: np.zeros(0))
    config: str = ""
    files: Sequence[Path] = ()

    @property
    def units(self) -> str:
        return "metres" if self.is_metric else "units"

    @property
    def unit(self) -> str:
        return "m" if self.is_metric else "units"


def write_report(path: Path, report: ReportData) -> None:
    """Writes the report as one self-contained HTML file, whole or not at all."""
    page = _page(report)
    with atomic_write(path) as file:
        file.write(page)


def _page(report: ReportData) -> str:
    sections = (
        _section("Problems found", _problems(report)),
        _section("Map", _pictures(report)),
        _section("Trajectory", _trajectory(report)),
        _errors(report),
        _section("Tracking time per frame", _latency(report)),
        _section("Time per stage", _stages(report)),
        _section("Drift and loop closures", _loops(report)),
        _alignment(report),
        _section("Files", _files(report)),
        _configuration(report),
    )
    title = html.escape(report.name)
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{title} - map report</title><style>{STYLE}</style></head><body><main>"
        f"<header><p class='kicker'>map report &middot; {html.escape(report.frontend)} "
        f"&middot; lengths in {report.units}</p><h1>{title}</h1>"
        f"<p class='verdict'>{html.escape(verdict(report))}</p></header>"
        f"{_tiles(report)}{''.join(sections)}</main></body></html>\n"
    )


def verdict(report: ReportData) -> str:
    """One line: how much was tracked, how well, what was closed."""
    total = int(_number(report.metrics, "frames", len(report.estimate)))
    tracked = int(_number(report.metrics, "tracked", len(report.estimate)))
    if tracked == 0:
        return "No frame was tracked: there is no map."
    how = "All" if tracked >= total else f"{tracked} of"
    line = f"{how} {total} frames placed over {_length(report):.1f} {report.unit}"
    if "ate_rmse" in report.metrics:
        off = " ".join(_error(float(report.metrics["ate_rmse"]), report))
        line += f", {off} from ground truth (RMSE)"
    closed = int(_number(report.metrics, "loops_accepted", 0))
    if closed:
        line += f", {closed} loop{'s' if closed > 1 else ''} closed"
    lost = int(_number(report.metrics, "lost", 0))
    left_out = int(_number(report.metrics, "left_out", 0))
    end = f"lost for {lost} frame{'s' if lost > 1 else ''}" if lost else "never lost"
    end += f", {left_out} left out to keep up with the camera" if left_out else ""
    return f"{line}; {end}."


def _tiles(report: ReportData) -> str:
    metrics = report.metrics
    total = int(_number(metrics, "frames", len(report.estimate)))
    tracked = int(_number(metrics, "tracked", len(report.estimate)))
    placed = "warn" if tracked < total else ""
    tiles = [(str(tracked), f"of {total}", "frames placed", placed)]
    for key, label in GROUND_TRUTH_TILES:
        if key in metrics:
            tiles.append((*_error(float(metrics[key]), report), label, "strong"))
    for key, label, form, unit, kind in TILES:
        if key in metrics and (metrics[key] or key not in LIVE_TILES or "received" in metrics):
            value = float(metrics[key])
            tiles.append((form.format(value), unit, label, kind if value else ""))
    if "loops_accepted" in metrics:
        closed = int(metrics["loops_accepted"])
        proposed = closed + int(_number(metrics, "loops_refused", 0))
        tiles.append((str(closed), f"of {proposed}", "loops closed", ""))
    cells = "".join(
        f"<div class='tile {kind}'><b>{value} <small>{unit}</small></b><span>{label}</span></div>"
        for value, unit, label, kind in tiles
    )
    return f"<div class='tiles'>{cells}</div>"


def _problems(report: ReportData) -> str:
    decisions = [loop.decision for loop in report.loops]
    found = problems(report.metrics, report.estimate.timestamps, decisions)
    if not found:
        return note("None: every frame was placed, and nothing was refused.")
    return "<ul>" + "".join(f"<li>{html.escape(text)}</li>" for text in found) + "</ul>"


def _pictures(report: ReportData) -> str:
    if not report.mesh_pictures:
        return _missing("There is no picture of the mesh: it is empty or was not made.")
    images = "".join(_image(_png(picture), "The map") for picture in report.mesh_pictures)
    return f"<div class='pictures'>{images}</div>"


def _trajectory(report: ReportData) -> str:
    if len(report.estimate) < 2:
        return _missing("Fewer than two frames have a pose, so there is no trajectory to draw.")
    picture = _image(figures.trajectory_figure(report), "Trajectory from above and height")
    return picture + ("" if report.ground_truth else _missing(NO_TRUTH))


def _errors(report: ReportData) -> str:
    """Nothing without ground truth: the trajectory's section says so already."""
    if report.ground_truth is None or len(report.ground_truth) < 2 or len(report.estimate) < 2:
        return ""
    picture = _image(figures.error_figure(report), "Distance from ground truth over time")
    return _section("Error over time", picture)


def _latency(report: ReportData) -> str:
    if len(report.frame_latencies_ms) == 0:
        return _missing("The time per frame was not recorded.")
    return _image(figures.latency_figure(report), "Latency of each frame")


def _stages(report: ReportData) -> str:
    timings = report.metrics.get("timings") or {}
    return stage_table(timings) if timings else _missing("The stages were not timed.")


def _loops(report: ReportData) -> str:
    return loop_table(report.loops, report.is_metric) if report.loops else _missing(NO_LOOP)


def _alignment(report: ReportData) -> str:
    """What each round of the global alignment did to its cost; nothing where there was none."""
    if not report.alignment_costs:
        return ""
    rows = [
        f"<tr><th>{number}</th><td>{cell(before)}</td><td>{cell(after)}</td></tr>"
        for number, (before, after) in enumerate(report.alignment_costs, 1)
    ]
    return _section("Global alignment", table(("round", "cost before", "after"), rows, "rounds"))


def _files(report: ReportData) -> str:
    rows = [
        f"<tr><th>{html.escape(path.name)}</th><td>{_size(path)}</td></tr>" for path in report.files
    ]
    return table(("file", "size"), rows, "files") if rows else _missing("No files are listed.")


def _configuration(report: ReportData) -> str:
    if not report.config:
        return _section("Configuration", _missing("The configuration was not handed over."))
    text = html.escape(report.config)
    return (
        f"<section><details><summary>Configuration</summary><pre>{text}</pre></details></section>"
    )


def _section(title: str, body: str) -> str:
    return f"<section><h2>{title}</h2>{body}</section>"


def _missing(text: str) -> str:
    return f"<p class='missing'>{text}</p>"


def _image(png: bytes, text: str) -> str:
    return f"<img alt='{text}' src='data:image/png;base64,{base64.b64encode(png).decode()}'>"


def _png(picture: np.ndarray) -> bytes:
    """PNG of a picture uint8 (H, W, 3), RGB."""
    return cv2.imencode(".png", cv2.cvtColor(picture, cv2.COLOR_RGB2BGR))[1].tobytes()


def _number(metrics: Mapping[str, Any], key: str, default: float) -> float:
    return float(metrics[key]) if metrics.get(key) is not None else float(default)


def _length(report: ReportData) -> float:
    """Length of the estimated way, in the map's units."""
    return float(np.linalg.norm(np.diff(report.estimate.positions, axis=0), axis=1).sum())


def _error(value: float, report: ReportData) -> tuple[str, str]:
    """A small length the way a person says it, and its unit: centimetres where it is metric."""
    return (f"{100 * value:.2f}", "cm") if report.is_metric else (f"{value:.3g}", report.unit)


def _size(path: Path) -> str:
    try:
        size = float(path.stat().st_size)
    except OSError:
        return "not written"
    for unit in ("B", "kB", "MB"):
        if size < 1000:
            return f"{size:.0f} {unit}" if unit == "B" else f"{size:.1f} {unit}"
        size /= 1000
    return f"{size:.1f} GB"
