"""The recording that completes run.rrd where a run was aligned afterwards."""

from __future__ import annotations

import warnings
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from rerun.chunk import RrdReader

from mapper.backend.global_map import GlobalMap
from mapper.backend.graph.edge import Edge
from mapper.backend.keyframes.keyframe_map import KeyframeMap
from mapper.core.frame import Frame
from mapper.core.sim3 import rigid_part
from mapper.core.trajectory import Trajectory
from mapper.io.viewer.map_logger import MapLogger, NullLogger
from mapper.io.viewer.rerun_logger import RerunLogger
from mapper.run.directory import RunDirectory
from mapper.run.recording_parts import recordings
from mapper.saved.realignment import Realignment
from mapper.slam.result import MappingResult

PAUSE_S: Final = 1.0  # between the last frame and the aligned map, on the time line
GREY: Final = 128


def open_aligned_recording(
    path: Path,
    run: RunDirectory,
    aligned: Realignment,
    result: MappingResult,
    truth: Trajectory | None,
) -> MapLogger:
    """A recording at `path` of the aligned poses; ground truth and mesh are still to be logged.

    It has the id of the run's own recording, and its moment lies after the last frame: a viewer
    that opens both files shows the aligned map at the end. A NullLogger where the run has none.
    """
    before = recordings(run)
    if not before:
        return NullLogger()
    show = RerunLogger(path, recording_id=_recording_id(before[-1], run), ground_truth=truth)
    _log_end(show, run, aligned, result)
    return show


def _recording_id(path: Path, run: RunDirectory) -> str:
    """The id in the file, as the folder may have been renamed since; of a cut file its name."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # that it has no footer
            return str(RrdReader(path).recordings()[0].recording_id)
    except (RuntimeError, OSError, IndexError):
        return run.path.resolve().name


def _log_end(
    show: RerunLogger, run: RunDirectory, aligned: Realignment, result: MappingResult
) -> None:
    start, end = _time_span(result)
    show.at(0, start)
    newest = max(aligned.final.fused_poses)  # of those that can be read
    moment = Moment(result.counts.frames, end + PAUSE_S, run.keyframes.load(newest))
    log_final_map(show, aligned.final, aligned.edges, moment)
    show.trajectory(result.trajectory.positions)
    saved = aligned.final
    what = "aligned globally" if saved.alignment is not None else "scaled"
    show.event(f"{what}: {len(saved.keyframes)} keyframes, {len(saved.pairs)} pairs")


@dataclass(frozen=True, slots=True)
class Moment:
    """index, timestamp: of what is logged. view: of the newest keyframe that can be read."""

    index: int
    timestamp: float
    view: KeyframeMap


def log_final_map(show: MapLogger, saved: GlobalMap, edges: Iterable[Edge], moment: Moment) -> None:
    """Keyframes and graph of a map that is done, at one moment."""
    show.at(moment.index, moment.timestamp)
    for keyframe in saved.keyframes:  # their features will do: the mesh takes the points' place
        points = keyframe.features.points[keyframe.features.points[:, 2] > 0]
        colors = np.full(points.shape, GREY, np.uint8)
        show.keyframe(keyframe.id, points, colors, saved.poses[keyframe.id])
    newest = max(saved.fused_poses)
    view, T_world_camera = moment.view, rigid_part(saved.poses[newest])
    frame = Frame(moment.index, moment.timestamp, view.image, intrinsics=view.intrinsics)
    show.frame(frame, T_world_camera, "tracking", {})
    show.keyframe_poses(saved.poses)
    show.edges([(e.i, e.j, e.kind.value) for e in edges], saved.poses)


def _time_span(result: MappingResult) -> tuple[float, float]:
    """When the first and the last frame came, those without a pose too, if all came evenly."""
    times, indices = result.trajectory.timestamps, result.frame_indices
    if len(times) < 2:
        return float(times[0]), float(times[0])
    step = float(np.median(np.diff(times) / np.diff(indices)))
    after = max(result.counts.frames - 1 - int(indices[-1]), 0)
    return float(times[0] - indices[0] * step), float(times[-1] + after * step)
