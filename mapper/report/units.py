"""The unit of a map and who told it, and which way its axes lie, in words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from mapper.report.data import ReportData

DEPTH_CAMERA: Final = "rgbd"  # the frontend whose unit is that of measured depth
LINES: Final = (6, 1.0, 2.0, 5.0, 10.0)  # of a grid: at most so many along the way, and their steps


@dataclass(frozen=True, slots=True)
class PlanAxes:
    """Which of the world's axes a plan shows. right, ahead: their numbers, and what they are
    called. up: that of the height, and its sign. is_placed: ahead is north."""

    right: int
    ahead: int
    up: int
    sign: float
    names: tuple[str, str, str]
    is_placed: bool

    def height(self, positions: np.ndarray) -> np.ndarray:
        """(N,) of positions (N, 3)."""
        return np.asarray(self.sign * positions[:, self.up])


CAMERA: Final = PlanAxes(0, 2, 1, -1.0, ("to the right, x", "ahead, z", "up, -y"), False)
UPRIGHT: Final = PlanAxes(0, 1, 2, 1.0, ("to the right, x", "ahead, y", "up, z"), False)
EARTH: Final = PlanAxes(0, 1, 2, 1.0, ("to the east, x", "to the north, y", "up, z"), True)


def plan_axes(metrics: Mapping[str, Any]) -> PlanAxes:
    """Those of the Earth where the map lies on it, else of the first camera, upright or not."""
    account = _account(metrics)
    if account.get("origin"):
        return EARTH
    return UPRIGHT if account.get("upright") else CAMERA


def grid_step(extent: float) -> float:
    """1, 2 or 5 times a power of ten, of which few go into what is shown, more than 0."""
    most, *steps = LINES
    power = 10.0 ** np.floor(np.log10(extent / most))
    return float(next(power * step for step in steps if power * step >= extent / most * (1 - 1e-9)))


def unit_in_words(report: ReportData) -> str:
    """Such as "metres, by GPS (walk.gpx)"."""
    if report.is_metric and report.frontend == DEPTH_CAMERA:
        return "metres, by the depth camera"
    account = _account(report.metrics)
    sources: Sequence[Mapping[str, Any]] = account.get("sources", [])
    poses = [source["name"] for source in sources if "units_per_unit" in source]
    scales = (source for source in sources if source.get("tells") != "up")
    others = [source["name"] for source in scales if "units_per_unit" not in source]
    if not report.is_metric:
        by = f" of the known poses ({', '.join(poses)})" if poses else ", up to scale"
        return f"the unit{by}" if poses else f"a unit of the map's own{by}"
    told = []
    if poses:
        what = "GPS and known poses" if len(poses) > 1 else "GPS"
        told.append(f"{what if account.get('origin') else 'known poses'} ({', '.join(poses)})")
    if others:
        told.append(f"what was measured ({', '.join(others)})")
    return f"metres, by {' and '.join(told)}" if told else "metres, as the frontend says"


def place_in_words(metrics: Mapping[str, Any]) -> str:
    """Where the grid's zero lies on the Earth; empty where the map lies nowhere on it."""
    origin = _account(metrics).get("origin")
    if not origin:
        return ""
    latitude, longitude, altitude = origin
    return (
        f"Zero is at {abs(latitude):.6f} {'N' if latitude >= 0 else 'S'} {abs(longitude):.6f} "
        f"{'E' if longitude >= 0 else 'W'}, {altitude:.1f} m (WGS 84); y is true north there."
    )


def _account(metrics: Mapping[str, Any]) -> Mapping[str, Any]:
    account: Mapping[str, Any] = metrics.get("priors", {})
    return {} if account.get("refused") else account
