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

from mapper import report_figures as figures
from mapper.atomic import atomic_write
from mapper.report_problems import problems
from mapper.report_style import STYLE
from mapper.trajectory import Trajectory

MAX_LOOPS: Final = 40

# Tiles in order: key of metrics, what it is called, how the number is written.
TILES: Final = (
    ("wall_time_s", "wall time", "{:.1f} s"),
    ("fps", "frames a second", "{:.1f}"),
    ("peak_memory_mb", "peak memory", "{:.0f} MB"),
    ("keyframes", "keyframes", "{:.0f}"),
    ("loops_accepted", "loops closed", "{:.0f}"),
    ("loops_refused", "loops refused", "{:.0f}"),
)
GROUND_TRUTH_TILES: Final = (("ate_rmse", "ATE, RMSE"), ("rpe_rmse", "RPE, RMSE"))


@dataclass(frozen=True, slots=True)
class ReportData:
    """All that the report shows. World frame: OpenCV axes, y down.

    metrics: frames, tracked, lost, skipped, fps, wall_time_s, peak_memory_mb, keyframes,
    loops_accepted, loops_refused, ate_rmse, rpe_rmse; absent ones are left out. "timings" holds
    stage -> {"mean", "median", "p99"} in milliseconds.
    keyframe_positions: (K, 3). loops: dicts with i, j (rows of keyframe_positions), accepted,
    and any of inliers, residual, correction, scale, reason. ground_truth: in the estimate's frame,
    or None. alignment_costs: before and after each round of the global alignment; empty without.
    mesh_pictures: uint8 (H, W, 3), RGB. frame_latencies_ms: (N,). files: the run's outputs.
    """

    name: str
    frontend: str
    metrics: Mapping[str, Any]
    estimate: Trajectory
    is_metric: bool = True
    keyframe_positions: np.ndarray = field(default_factory=lambda: np.zeros((0, 3)))
    loops: Sequence[Mapping[str, Any]] = ()
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
        _section("Error over time", _errors(report)),
        _section("Time per frame", _latency(report)),
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
    line = f"{how} {total} frames tracked over {_length(report):.1f} {report.unit}"
    if "ate_rmse" in report.metrics:
        line += f", {_error(float(report.metrics['ate_rmse']), report)} from ground truth (RMSE)"
    closed = int(_number(report.metrics, "loops_accepted", 0))
    if closed:
        line += f", {closed} loop{'s' if closed > 1 else ''} closed"
    lost = int(_number(report.metrics, "lost", 0))
    return f"{line}; {f'lost for {lost} frames' if lost else 'never lost'}."


def _tiles(report: ReportData) -> str:
    metrics = report.metrics
    total = int(_number(metrics, "frames", len(report.estimate)))
    tracked = int(_number(metrics, "tracked", len(report.estimate)))
    tiles = [(f"{tracked} / {total}", "frames tracked", "" if tracked == total else "warn")]
    for key in ("lost", "skipped"):
        if key in metrics:
            tiles.append((f"{metrics[key]:.0f}", f"frames {key}", "warn" if metrics[key] else ""))
    for key, label in GROUND_TRUTH_TILES:
        if key in metrics:
            tiles.append((_error(float(metrics[key]), report), label, "strong"))
    for key, label, form in TILES:
        if key in metrics:
            tiles.append((form.format(float(metrics[key])), label, ""))
    cells = "".join(
        f"<div class='tile {kind}'><b>{html.escape(value)}</b><span>{label}</span></div>"
        for value, label, kind in tiles
    )
    return f"<div class='tiles'>{cells}</div>"


def _problems(report: ReportData) -> str:
    found = problems(report.metrics, report.estimate.timestamps, report.loops)
    if not found:
        return "<p class='note'>None: every frame was placed, and nothing was refused.</p>"
    return "<ul>" + "".join(f"<li>{html.escape(text)}</li>" for text in found) + "</ul>"


def _pictures(report: ReportData) -> str:
    if not report.mesh_pictures:
        return _missing("There is no picture of the mesh: it is empty or was not made.")
    images = "".join(_image(_png(picture), "The map") for picture in report.mesh_pictures)
    return f"<div class='pictures'>{images}</div>"


def _trajectory(report: ReportData) -> str:
    if len(report.estimate) < 2:
        return _missing("Fewer than two frames have a pose, so there is no trajectory to draw.")
    note = "" if report.ground_truth else _missing("There is no ground truth for this sequence.")
    return _image(figures.trajectory_figure(report), "Trajectory from above and height") + note


def _errors(report: ReportData) -> str:
    if report.ground_truth is None or len(report.ground_truth) < 2 or len(report.estimate) < 2:
        return _missing("Not known: there is no ground truth for this sequence.")
    return _image(figures.error_figure(report), "Distance from ground truth over time")


def _latency(report: ReportData) -> str:
    if len(report.frame_latencies_ms) == 0:
        return _missing("The time per frame was not recorded.")
    return _image(figures.latency_figure(report), "Latency of each frame")


def _stages(report: ReportData) -> str:
    timings = report.metrics.get("timings") or {}
    if not timings:
        return _missing("The stages were not timed.")
    longest = max(float(stage.get("mean", 0.0)) for stage in timings.values()) or 1.0
    rows = []
    for name, stage in sorted(timings.items(), key=lambda item: -float(item[1].get("mean", 0.0))):
        share = 100 * float(stage.get("mean", 0.0)) / longest
        numbers = "".join(
            f"<td>{float(stage[key]):.1f}</td>" if key in stage else "<td>&ndash;</td>"
            for key in ("mean", "median", "p99")
        )
        bar = f"<td class='bar'><i style='width:{share:.1f}%'></i></td>"
        rows.append(f"<tr><th>{html.escape(str(name))}</th>{bar}{numbers}</tr>")
    return _table(("stage", "", "mean [ms]", "median [ms]", "p99 [ms]"), rows, "stages")


def _loops(report: ReportData) -> str:
    if not report.loops:
        return _missing("No loop was proposed.")
    rows = []
    for loop in report.loops[:MAX_LOOPS]:
        good = bool(loop.get("accepted"))
        verdict_cell = "closed" if good else f"refused: {loop.get('reason', 'no reason given')}"
        rows.append(
            f"<tr class='{'good' if good else 'bad'}'><th>{_cell(loop.get('i'))} &ndash; "
            f"{_cell(loop.get('j'))}</th><td>{_cell(loop.get('inliers'))}</td>"
            f"<td>{_cell(loop.get('residual'))}</td><td>{_cell(loop.get('correction'))}</td>"
            f"<td>{_cell(loop.get('scale'))}</td><td>{html.escape(verdict_cell)}</td></tr>"
        )
    rest = len(report.loops) - MAX_LOOPS
    note = f"<p class='note'>{rest} more are in journal.jsonl.</p>" if rest > 0 else ""
    unit = report.unit
    heads = ("keyframes", "inliers", f"residual [{unit}]", f"drift [{unit}]", "scale", "decision")
    return _table(heads, rows, "loops") + note


def _alignment(report: ReportData) -> str:
    """What each round of the global alignment did to its cost; nothing where there was none."""
    if not report.alignment_costs:
        return ""
    rows = [
        f"<tr><th>{number}</th><td>{_cell(before)}</td><td>{_cell(after)}</td></tr>"
        for number, (before, after) in enumerate(report.alignment_costs, 1)
    ]
    return _section("Global alignment", _table(("round", "cost before", "after"), rows, "rounds"))


def _files(report: ReportData) -> str:
    rows = [
        f"<tr><th>{html.escape(path.name)}</th><td>{_size(path)}</td></tr>" for path in report.files
    ]
    return _table(("file", "size"), rows, "files") if rows else _missing("No files are listed.")


def _configuration(report: ReportData) -> str:
    if not report.config:
        return _section("Configuration", _missing("The configuration was not handed over."))
    text = html.escape(report.config)
    return (
        f"<section><details><summary>Configuration</summary><pre>{text}</pre></details></section>"
    )


def _section(title: str, body: str) -> str:
    return f"<section><h2>{title}</h2>{body}</section>"


def _table(heads: Sequence[str], rows: Sequence[str], kind: str) -> str:
    head = "".join(f"<th>{name}</th>" for name in heads)
    return (
        f"<div class='scroll'><table class='{kind}'><thead><tr>{head}</tr></thead>"
        f"<tbody>{''.join(rows)}</tbody></table></div>"
    )


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


def _error(value: float, report: ReportData) -> str:
    """A small length the way a person says it: centimetres where the map is metric."""
    return f"{100 * value:.2f} cm" if report.is_metric else f"{value:.4f} {report.unit}"


def _cell(value: object) -> str:
    if value is None:
        return "&ndash;"
    if isinstance(value, float | np.floating):
        number = float(value)
        return f"{number:.3g}" if abs(number) < 100 else f"{number:.0f}"
    return html.escape(str(value))


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
