"""The report of a run: one HTML file that a person looks at first, complete in itself."""

from __future__ import annotations

from pathlib import Path
from typing import Final, NamedTuple

from mapper.report import figures
from mapper.report.data import ReportData
from mapper.report.notes import notes
from mapper.report.problems import problems
from mapper.report.rendering import render
from mapper.report.scene.scene import as_json
from mapper.report.sessions import HEADS, session_rows
from mapper.report.tables import loop_table, stage_rows
from mapper.report.units import place_in_words, unit_in_words
from mapper.report.verdict import error_text, number, verdict
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
LIVE_TILES: Final = ("left_out", "dropped")  # shown of a live run, or where they are not 0
GROUND_TRUTH_TILES: Final = (
    ("ate_rmse", "ATE, RMSE"),
    ("spread_rmse", "spread, standing still"),
    ("rpe_rmse", "RPE, RMSE"),
)


class Tile(NamedTuple):
    """A figure of the run. kind: "", "strong" or "warn"."""

    value: str
    unit: str
    label: str
    kind: str


def write_report(path: Path, report: ReportData) -> None:
    """Writes the report as one self-contained HTML file, whole or not at all."""
    page = as_html(report)
    with atomic_write(path) as file:
        file.write(page)


def as_html(report: ReportData) -> str:
    """The page, its pictures in it."""
    moves = len(report.estimate) > 1
    has_truth = report.ground_truth is not None and len(report.ground_truth.trajectory) > 1
    decisions = [loop.decision for loop in report.loops]
    return render(
        "report.html",
        report=report,
        verdict=verdict(report),
        images=_images(report),
        unit=unit_in_words(report),
        place=place_in_words(report.metrics),
        warnings=report.metrics.get("warnings", []),
        tiles=_tiles(report),
        problems=problems(report.metrics, report.estimate.timestamps),
        notes=notes(report.metrics, decisions),
        sessions=session_rows(report.metrics),
        session_heads=HEADS,
        trajectory_figure=figures.trajectory_figure(report) if moves else None,
        error_figure=figures.error_figure(report) if moves and has_truth else None,
        latency_figure=figures.latency_figure(report) if len(report.frame_latencies_ms) else None,
        stages=stage_rows(report.metrics.get("timings") or {}),
        scene=as_json(report.scene) if report.scene is not None else None,
        loops=loop_table(report.loops, report.is_metric) if report.loops else None,
    )


def _images(report: ReportData) -> str:
    """At what size the images were mapped, and what the depth was taken for; empty where nobody
    noted it."""
    size, original = report.metrics.get("image_size"), report.metrics.get("original_size")
    if size is None:
        return ""
    text = f"images of {size[0]}x{size[1]}"
    if original is not None and tuple(original) != tuple(size):
        text = f"{text}, from {original[0]}x{original[1]}"
    camera = report.metrics.get("depth_camera")
    return text if camera is None else f"{text} · {camera['kind']} depth ({camera['why']})"


def _tiles(report: ReportData) -> list[Tile]:
    metrics = report.metrics
    total = int(number(metrics, "frames", len(report.estimate)))
    tracked = int(number(metrics, "tracked", len(report.estimate)))
    tiles = [Tile(str(tracked), f"of {total}", "frames placed", "warn" if tracked < total else "")]
    for key, label in GROUND_TRUTH_TILES:
        if key in metrics:
            tiles.append(Tile(*error_text(key, report), label, "strong"))
    for key, label, form, unit, kind in TILES:
        if key in metrics and (metrics[key] or key not in LIVE_TILES or "received" in metrics):
            value = float(metrics[key])
            tiles.append(Tile(form.format(value), unit, label, kind if value else ""))
    if "loops_accepted" in metrics:
        closed = int(metrics["loops_accepted"])
        proposed = closed + int(number(metrics, "loops_refused", 0))
        tiles.append(Tile(str(closed), f"of {proposed}", "loops closed", ""))
    return tiles
