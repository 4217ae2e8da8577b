"""What a finished run leaves: mesh, cloud, metrics, report."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any, Final

import numpy as np
import yaml

from mapper.backend.fusion.upright import camera_height, estimate_up, held_up
from mapper.backend.loops.loop_decision import Refusal
from mapper.core.geometry import umeyama
from mapper.core.mesh import Mesh
from mapper.core.sim3 import rigid_part, similarity
from mapper.core.trajectory import MATCH_SECONDS, Trajectory, matching_times
from mapper.errors import InputError
from mapper.evaluate.metrics.standstill import Standstill, judge, mean_transform, stands_still
from mapper.io.meshes.mesh_files import write_mesh
from mapper.io.trajectory_files import write_tum
from mapper.io.viewer.map_logger import MapLogger
from mapper.report.data import AlignedTruth, ReportData
from mapper.report.doubts import doubts
from mapper.report.knowledge import in_feet, untied
from mapper.report.loops import LoopRow
from mapper.report.page import write_report
from mapper.report.scene.of_result import scene_of
from mapper.report.sessions import units_apart
from mapper.report.shortfall import shortfalls
from mapper.run.directory import RunDirectory
from mapper.run.doubt_metrics import doubt_metrics, held_metrics
from mapper.run.recording_parts import recordings
from mapper.runtime.process_health import peak_memory_mb
from mapper.runtime.stopwatch import Stopwatch
from mapper.slam.result import MappingResult

FRAME_TIMES: Final = "frame_times.json"
ALIGNMENT: Final = "alignment.json"
# What other commands make of a run, which holds no longer when its poses change.
LATER_FILES: Final = (ALIGNMENT, "run.aligned.rrd", "eval.json", "check.json")
NOTHING: Final[Mapping[str, Any]] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Course:
    """How a run went. stopwatch: of its stages. seconds: from its start to its map.

    interrupted: before the end of its input.
    """

    stopwatch: Stopwatch
    seconds: float
    interrupted: bool = False


def remove_later_files(run: RunDirectory) -> None:
    """Of a run that is carried on after it was aligned or judged."""
    for name in LATER_FILES:
        (run.path / name).unlink(missing_ok=True)


def write_outputs(
    run: RunDirectory,
    result: MappingResult,
    truth: Trajectory | None,
    course: Course,
    show: MapLogger,
    extra: Mapping[str, Any] = NOTHING,
) -> dict[str, Any]:
    """Write every file of a finished run; returns the metrics, with `extra` among them.

    truth: None where nobody knows the poses.
    """
    left_out = int(extra.get("without_depth", 0))
    metrics = {**course_metrics(course), **map_metrics(result, truth, left_out), **extra}
    durations = list(course.stopwatch.durations.get("track", []))
    track_ms = [round(duration * 1e3, 3) for duration in durations]
    run.write_json(run.path / FRAME_TIMES, {"track_ms": track_ms}, indent=None)
    if truth is not None:
        write_tum(run.ground_truth, truth)
    write_results(run, result, truth, metrics, show)
    return metrics


def write_results(
    run: RunDirectory,
    result: MappingResult,
    truth: Trajectory | None,
    metrics: dict[str, Any],
    show: MapLogger,
    earlier: RunDirectory | None = None,
) -> None:
    """Write mesh, cloud, report and metrics, and the end of the recording.

    The metrics get "warnings": sentences about a map that is probably wrong, empty or nearly so.
    earlier: the run whose files are written anew; its keyframes and recordings stay where they are.
    """
    metrics |= _height_metrics(result)
    metrics["warnings"] = [
        *untied(metrics),
        *in_feet(metrics),
        *units_apart(metrics),
        *doubts(metrics),
        *shortfalls(metrics, result.fusion),
    ]
    write_mesh(run.mesh, result.mesh)
    write_mesh(run.cloud, replace(result.mesh, faces=np.zeros((0, 3), np.int32)))
    shown_truth = aligned_truth(result.trajectory, truth, show, result.is_metric)
    show.mesh(result.mesh)
    show.close()
    report = _report(run, result, metrics, shown_truth, earlier or run)
    kept = recordings(earlier) if earlier is not None else []
    write_report(run.report, replace(report, files=[*report.files, *kept]))
    run.write_json(run.metrics, metrics)  # last: it says that the run is complete


def course_metrics(course: Course) -> dict[str, Any]:
    """How a run went, in numbers."""
    return {
        "complete": not course.interrupted,
        "wall_time_s": course.seconds,
        # Of this process alone, where a run was resumed.
        "fps": len(course.stopwatch.durations.get("track", [])) / course.seconds,
        "peak_memory_mb": peak_memory_mb(),
        "timings": course.stopwatch.summary(),
    }


def map_metrics(
    result: MappingResult, truth: Trajectory | None, without_depth: int = 0
) -> dict[str, Any]:
    """What poses and map say, however long it took to make them: counts, loops, sizes, errors.

    without_depth: images of the input that could be no frames; coverage counts them.
    """
    tracked, counts = len(result.trajectory), result.counts
    loops = result.decisions
    metrics: dict[str, Any] = {
        "frames": counts.frames,
        "tracked": tracked,
        "lost": counts.frames - counts.skipped - counts.left_out - tracked,
        "apart": counts.apart,
        "skipped": counts.skipped,
        "left_out": counts.left_out,
        "keyframes": result.keyframes,
        "loops_accepted": sum(d.accepted for d in loops) - len(result.dropped_loops),
        "loops_refused": sum(not d.accepted for d in loops) + len(result.dropped_loops),
        "units": "metres" if result.is_metric else "units",
        "mesh_vertices": len(result.mesh.vertices),
        "mesh_faces": len(result.mesh.faces),
        "image_size": result.image_size,
    }
    if result.doubt is not None and tracked:
        metrics["self_doubt"] = doubt_metrics(result.doubt, float(result.trajectory.timestamps[0]))
    if result.tie is not None:
        metrics["priors"] = result.tie.account
    if result.held is not None and tracked:
        metrics["weak_frames"] = held_metrics(result.held, float(result.trajectory.timestamps[0]))
    return metrics if truth is None else metrics | _errors(result, truth, without_depth)


def _height_metrics(result: MappingResult) -> dict[str, float]:
    """Of a map that others than a receiver made metric: places on the Earth are in no other unit.
    Nothing where there is no floor."""
    tie = result.tie
    if tie is None or tie.refused or not tie.is_metric or tie.origin is not None:
        return {}
    height = camera_height(result.mesh, result.trajectory.T_world_camera)
    return {} if height is None else {"camera_height": height}


def _errors(result: MappingResult, truth: Trajectory, without_depth: int) -> dict[str, Any]:
    try:
        evaluation = judge(
            result.trajectory,
            truth,
            expected_frames=result.counts.frames + without_depth,
            is_metric=result.is_metric,
        )
    except InputError as error:
        return {"evaluation_failed": str(error)}
    found = {"rpe_rmse": evaluation.rpe_translation_rmse, "evaluation": evaluation.to_dict()}
    if isinstance(evaluation, Standstill):
        return found | {"spread_rmse": evaluation.spread_translation}
    best = evaluation.ate_se3 if result.is_metric else evaluation.ate_sim3
    return {"ate_rmse": best.rmse, **found}


def aligned_truth(
    estimate: Trajectory, truth: Trajectory | None, show: MapLogger, is_metric: bool
) -> AlignedTruth | None:
    """The ground truth in the map's world, by least squares over matching times; or None.

    In the map's units too, where those are not metres: by the alignment that ATE is judged with,
    turned around, so that the errors that are drawn are those that are told.
    """
    if truth is None or len(estimate) < 3:
        return None
    true, found = matching_times(truth.timestamps, estimate.timestamps, MATCH_SECONDS)
    if len(found) < 3:
        return None
    if stands_still(truth.positions[true]):
        S = mean_transform(truth.T_world_camera[true], estimate.T_world_camera[found])
    else:
        points = estimate.positions[found], truth.positions[true]
        S_truth_world = similarity(*umeyama(*points, with_scale=not is_metric))
        S = np.linalg.inv(S_truth_world)
    show.align_ground_truth(S)
    unit_m = 1.0 / float(np.cbrt(np.linalg.det(S[:3, :3])))
    return AlignedTruth(Trajectory(truth.timestamps, rigid_part(S @ truth.T_world_camera)), unit_m)


def _report(
    run: RunDirectory,
    result: MappingResult,
    metrics: dict[str, Any],
    truth: AlignedTruth | None,
    with_keyframes: RunDirectory,
) -> ReportData:
    description = run.read_description().says
    config = yaml.safe_dump(description.config, sort_keys=False)
    changes = metrics.get("alignment", {}).get("changes", [])
    loops = _loop_rows(result)
    up = estimate_up(result.mesh, held_up(result.trajectory.T_world_camera))
    return ReportData(
        name=description.sequence.name,
        frontend=description.frontend,
        metrics=metrics,
        estimate=result.trajectory,
        is_metric=result.is_metric,
        keyframe_positions=result.keyframe_trajectory.positions,
        loops=loops,
        alignment_costs=result.alignment_costs,
        ground_truth=truth,
        mesh_pictures=_pictures(result.mesh, up),
        frame_latencies_ms=np.array(run.read_json(run.path / FRAME_TIMES).get("track_ms", [])),
        config="".join(f"# aligned with --set {change}\n" for change in changes) + config,
        files=run.outputs(),
        scene=scene_of(result, loops, up, with_keyframes.keyframes.load_image),
    )


def _loop_rows(result: MappingResult) -> list[LoopRow]:
    """What became of each loop, and where its keyframes are in keyframe_trajectory."""
    rows = {int(keyframe_id): row for row, keyframe_id in enumerate(result.keyframe_ids)}
    return [
        LoopRow(
            replace(decision, refusal=Refusal.CONTRADICTED)
            if (decision.i, decision.j) in result.dropped_loops
            else decision,
            rows.get(decision.i),
            rows.get(decision.j),
        )
        for decision in result.decisions
    ]


def _pictures(mesh: Mesh, up: np.ndarray) -> list[np.ndarray]:
    """Oblique and bird's-eye views; none of an empty map. up: unit vector (3,)."""
    if len(mesh.faces) == 0:
        return []
    from mapper.report.mesh_picture import render_mesh, render_mesh_top

    x, y, z = up.tolist()
    return [render_mesh(mesh, up=(x, y, z)), render_mesh_top(mesh, up=(x, y, z))]
