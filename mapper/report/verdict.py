"""A run in one line."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from mapper.report.data import ReportData
from mapper.report.doubts import is_doubtful


def verdict(report: ReportData) -> str:
    """One line: how much was tracked, how well, what was closed."""
    total = int(number(report.metrics, "frames", len(report.estimate)))
    tracked = int(number(report.metrics, "tracked", len(report.estimate)))
    if tracked == 0:
        return "No frame was tracked: there is no map."
    how = "All" if tracked >= total else f"{tracked} of"
    line = f"{how} {total} frames placed over {_length(report):.1f} {report.unit}"
    if "ate_rmse" in report.metrics:
        off = " ".join(error_text("ate_rmse", report))
        line += f", {off} from ground truth (RMSE)"
    elif "spread_rmse" in report.metrics:
        off = " ".join(error_text("spread_rmse", report))
        line += f", steady within {off} (RMSE) while the camera stood still"
    closed = int(number(report.metrics, "loops_accepted", 0))
    if closed:
        line += f", {closed} loop{'s' if closed > 1 else ''} closed"
    lost = int(number(report.metrics, "lost", 0))
    left_out = int(number(report.metrics, "left_out", 0))
    end = f"lost for {lost} frame{'s' if lost > 1 else ''}" if lost else "never lost"
    if is_doubtful(report.metrics):  # to have been sure of each frame is then no merit
        end = f"{end}, and the map contradicts itself" if lost else "the map contradicts itself"
    end += f", {left_out} left out to keep up with the camera" if left_out else ""
    return f"{line}; {end}."


def number(metrics: Mapping[str, Any], key: str, default: float) -> float:
    """A figure of the metrics, or the default where it is absent or None."""
    return float(metrics[key]) if metrics.get(key) is not None else float(default)


def error_text(key: str, report: ReportData) -> tuple[str, str]:
    """An error against the ground truth the way a person says it, and its unit.

    ATE and RPE are in metres of the truth also where the map has none, as they are judged after
    scaling (Umeyama). A camera that stood still gives no scale: the map's units remain.
    """
    value = float(report.metrics[key])
    if report.is_metric:
        return f"{100 * value:.2f}", "cm"
    if "spread_rmse" in report.metrics:
        return f"{value:.3g}", report.unit
    return f"{100 * value:.2f}", "cm up to scale"


def _length(report: ReportData) -> float:
    """Length of the estimated way, in the map's units."""
    return float(np.linalg.norm(np.diff(report.estimate.positions, axis=0), axis=1).sum())
