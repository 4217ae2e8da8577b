"""Writes a merged map as a run directory that every other command reads."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from typing import Any, Final

import numpy as np

from mapper.backend.loops.loop_decision import LoopDecision
from mapper.core.trajectory import Trajectory
from mapper.io.trajectory_files import write_tum
from mapper.io.viewer.rerun_logger import RerunLogger
from mapper.merging.description import described, session_records
from mapper.merging.merge import MergedMap
from mapper.merging.sessions import MergedRun
from mapper.run.directory import RunDirectory
from mapper.run.journal import Journal, read_journal
from mapper.run.outputs import Course, course_metrics, map_metrics, write_results
from mapper.run.records import decision_record, edge_record, poses_record, visit_record
from mapper.runtime.stopwatch import Stopwatch
from mapper.saved.aligned_recording import Moment, log_final_map
from mapper.saved.map import load_decisions
from mapper.saved.results import true_poses
from mapper.slam.frame_counts import FrameCounts
from mapper.slam.result import MappingResult

STAGE: Final = "merge"  # in the table of timings


def write_merged(out: RunDirectory, merged: MergedMap) -> dict[str, Any]:
    """Write every file of a new run; returns the metrics. The runs themselves stay as they are.

    metrics.json is the last one, and says that the run is complete.
    """
    result = _mapping_result(merged)
    out.write_description(described(out.path, merged))
    if merged.runs[0].run.priors.exists():  # of the run whose world it is; its numbers are kept
        shutil.copyfile(merged.runs[0].run.priors, out.priors)
    for keyframe in merged.joint.keyframes:
        if keyframe.id not in merged.final.left_out:
            shutil.copyfile(merged.keyframes.file(keyframe.id), out.keyframes.path(keyframe.id))
    _write_journal(out, merged)
    write_tum(out.trajectory, result.trajectory)
    write_tum(out.keyframe_trajectory, result.keyframe_trajectory)
    truth = _truth(merged.runs)
    if truth is not None:
        write_tum(out.ground_truth, truth)
    stopwatch = Stopwatch()
    stopwatch.durations[STAGE].append(merged.seconds)
    metrics = {
        **course_metrics(Course(stopwatch, merged.seconds)),
        **map_metrics(result, truth),
        "sessions": session_records(out.path, merged),
    }
    del metrics["fps"]  # no frame was tracked
    with closing(RerunLogger(out.recording, ground_truth=truth)) as show:
        newest = max(merged.final.fused_poses)
        end = float(result.trajectory.timestamps[-1])
        moment = Moment(result.counts.frames, end, out.keyframes.load(newest))
        edges = [e for e in merged.joint.graph.edges if e.i in merged.final.poses]
        log_final_map(show, merged.final, edges, moment)
        show.trajectory(result.trajectory.positions)
        write_results(out, result, truth, metrics, show)
    return metrics


def _mapping_result(merged: MergedMap) -> MappingResult:
    """The merged map as if one mapping had ended with it."""
    final = merged.final
    indices, trajectory = final.trajectory()
    counts = [each.counts for each in merged.runs]
    return MappingResult(
        trajectory,
        indices,
        np.array([keyframe.id for keyframe in final.keyframes], int),
        final.keyframe_trajectory(),
        merged.mesh,
        merged.config.fusion.tsdf,
        FrameCounts(
            sum(each.frames for each in counts),
            sum(each.lost for each in counts),
            sum(each.skipped for each in counts),
            sum(each.left_out for each in counts),
        ),
        len(final.keyframes),
        _decisions(merged),
        final.dropped_loops,
        merged.runs[0].units_known,
        image_size=final.image_size,
        doubt=merged.doubt,
    )


def _decisions(merged: MergedMap) -> list[LoopDecision]:
    """About the loops within the runs, then about those between them."""
    kept = {k.id for each in merged.runs for k in each.session.keyframes}
    within = [
        each.shift.decision(decision)
        for each in merged.runs
        for decision in load_decisions(each.run)
    ]
    return [*(d for d in within if d.i in kept and d.j in kept), *merged.joint.decisions]


def _write_journal(out: RunDirectory, merged: MergedMap) -> None:
    """What the runs' journals say of the keyframes that take part, then what joined them."""
    journal = Journal(out.journal)
    with closing(journal):
        for each in merged.runs:
            for line in _told(each):
                journal.append(**each.shift.line(line))
        for decision in merged.joint.decisions:
            journal.append("decision", **decision_record(decision))
        for edge in merged.joint.graph.edges:
            journal.append("edge", **edge_record(edge))
        for culled in merged.joint.culled:
            journal.append("visit", **visit_record(culled))
        journal.append("dropped", loops=sorted(merged.final.dropped_loops))
        journal.append("poses", **poses_record(merged.final))


def _told(each: MergedRun) -> Iterator[dict[str, Any]]:
    """Lines of a run's journal about keyframes of its map, and decisions between them."""
    kept = {keyframe.id for keyframe in each.saved.keyframes}
    visits = {visit.id for keyframe in each.saved.keyframes for visit in keyframe.visits}
    for line in read_journal(each.run.journal):
        event = line["event"]
        is_stretch = event in ("keyframe", "visit") and line["id"] in kept | visits
        is_between = event == "decision" and line["i"] in kept and line["j"] in kept
        if is_stretch or is_between:
            # Edges are told of afterwards, as they are in the merged map.
            yield {**line, "edges": []} if event == "visit" else line


def _truth(runs: list[MergedRun]) -> Trajectory | None:
    """True poses of all runs, each at its times; only where they were made of the same sequence,
    for then the truth of all is in one world. None where there is none."""
    sources = {each.run.read_description().sequence_path for each in runs}
    found = [true_poses(each.run) for each in runs] if len(sources) == 1 else [None]
    parts = [
        _during(truth, each) for truth, each in zip(found, runs, strict=False) if truth is not None
    ]
    if len(parts) < len(runs):
        return None
    times = np.concatenate([part.timestamps for part in parts])
    return Trajectory(times, np.concatenate([part.T_world_camera for part in parts]))


def _during(truth: Trajectory, each: MergedRun) -> Trajectory:
    """The part of a truth that is of the run's time, at the times of the merged map."""
    times = each.saved.trajectory()[1].timestamps
    within = (truth.timestamps >= times[0]) & (truth.timestamps <= times[-1])
    return each.shift.trajectory(
        replace(
            truth,
            timestamps=truth.timestamps[within],
            T_world_camera=truth.T_world_camera[within],
        )
    )
