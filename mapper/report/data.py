"""All that a report shows of a run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from mapper.core.trajectory import Trajectory
from mapper.report.loops import LoopRow
from mapper.report.scene.scene import Scene


@dataclass(frozen=True, slots=True)
class AlignedTruth:
    """trajectory: of the ground truth in the map's world and units. unit_m: what one unit of the
    map is by that alignment, in metres of the truth; 1 of a metric map."""

    trajectory: Trajectory
    unit_m: float = 1.0


@dataclass(frozen=True, slots=True)
class ReportData:
    """All that the report shows. World frame: OpenCV axes, y down; of a map that lies on the Earth
    (metrics: priors, origin) x east, y north, z up.

    metrics: frames, tracked, lost, skipped, left_out, fps, wall_time_s, peak_memory_mb, keyframes,
    loops_accepted, loops_refused, ate_rmse (spread_rmse where the camera stood still), rpe_rmse,
    and of a live run received, dropped, breaks ...; absent ones are left out. "warnings" holds
    sentences, "timings" stage -> {"count", "total_s", and "mean", "median", "p99" in milliseconds}.
    keyframe_positions: (K, 3). loops: every pair that was proposed as one, with rows of those.
    ground_truth: brought to the estimate, or None. alignment_costs: before and after each round of
    the global alignment; empty without. mesh_pictures: uint8 (H, W, 3), RGB. frame_latencies_ms:
    (N,). files: the run's outputs. scene: the map to turn around, None of one without surfaces.
    """

    name: str
    frontend: str
    metrics: Mapping[str, Any]
    estimate: Trajectory
    is_metric: bool = True
    keyframe_positions: np.ndarray = field(default_factory=lambda: np.zeros((0, 3)))
    loops: Sequence[LoopRow] = ()
    alignment_costs: Sequence[tuple[float, float]] = ()
    ground_truth: AlignedTruth | None = None
    mesh_pictures: Sequence[np.ndarray] = ()
    frame_latencies_ms: np.ndarray = field(default_factory=lambda: np.zeros(0))
    config: str = ""
    files: Sequence[Path] = ()
    scene: Scene | None = None

    @property
    def unit(self) -> str:
        """The unit of length, short."""
        return "m" if self.is_metric else "units"
