"""Writes what a realignment makes of a run: every file that depends on poses or map, or none."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from typing import Any, Final

import numpy as np

from mapper.backend.priors.knowledge import Knowledge
from mapper.core.trajectory import Trajectory
from mapper.io.trajectory_files import write_tum
from mapper.known.stored import write_knowledge
from mapper.run.description import with_tie
from mapper.run.directory import RunDirectory
from mapper.run.journal import Journal
from mapper.run.outputs import (
    ALIGNMENT,
    FRAME_TIMES,
    LATER_FILES,
    map_metrics,
    write_results,
)
from mapper.run.records import poses_record
from mapper.run.update import run_update
from mapper.runtime.process_health import peak_memory_mb
from mapper.runtime.stopwatch import Stopwatch
from mapper.saved.aligned_recording import open_aligned_recording
from mapper.saved.map import load_decisions
from mapper.saved.realignment import Realignment
from mapper.saved.results import known_counts, true_poses
from mapper.slam.result import MappingResult

ERRORS: Final = ("ate_rmse", "spread_rmse", "rpe_rmse", "evaluation", "evaluation_failed")
STAGE: Final = "align afterwards"  # in the table of timings
SCALE_STAGE: Final = "scale afterwards"
TRUTH_IS_GONE: Final = "groundtruth.txt is gone, and so is the sequence that it came from"


def write_realignment(
    run: RunDirectory, aligned: Realignment, changes: Sequence[str] = ()
) -> dict[str, Any]:
    """Write journal, trajectories, map, metrics, report and recording anew; returns the metrics.

    changes: the settings that differ from the run's own. All files are written beside the run's
    and take their places together. A fault before that leaves the run as it was.
    """
    account = _account(aligned, changes)
    with _rewritten(run, aligned, {"alignment": account}, STAGE) as (update, metrics):
        update.write_json(update.path / ALIGNMENT, account)
    return metrics


def write_rescaling(run: RunDirectory, rescaled: Realignment, known: Knowledge) -> dict[str, Any]:
    """As write_realignment, of a map that was tied to what is known; that is kept too."""
    with _rewritten(run, rescaled, {}, SCALE_STAGE) as (update, metrics):
        write_knowledge(update, known)
        if (run.path / ALIGNMENT).exists():  # of how it was aligned before, which still holds
            shutil.copyfile(run.path / ALIGNMENT, update.path / ALIGNMENT)
    return metrics


@contextmanager
def _rewritten(
    run: RunDirectory, aligned: Realignment, more: Mapping[str, Any], stage: str
) -> Iterator[tuple[RunDirectory, dict[str, Any]]]:
    """The folder whose files take the places of the run's in the end, and its metrics; what else
    belongs there is written by whoever is given it. more: metrics. stage: see the timings."""
    result = _mapping_result(run, aligned)
    truth = true_poses(run)
    metrics = {**_metrics(run, aligned, result, truth, stage), **more}
    with run_update(run.path) as folder:
        update = RunDirectory(folder)
        for name in ("run.yaml", FRAME_TIMES):  # the report is made of them too
            if (run.path / name).exists():
                shutil.copyfile(run.path / name, folder / name)
        if result.tie is not None and not result.tie.refused:
            update.write_description(with_tie(run, result.tie))
        _write_journal(run, update, aligned)
        write_tum(update.trajectory, result.trajectory)
        write_tum(update.keyframe_trajectory, result.keyframe_trajectory)
        if truth is not None and not run.ground_truth.exists():
            write_tum(update.ground_truth, truth)
        yield update, metrics
        recording = update.aligned_recording
        with closing(open_aligned_recording(recording, run, aligned, result, truth)) as show:
            write_results(update, result, truth, metrics, show, run)
        for name in LATER_FILES:
            if (run.path / name).exists() and not (folder / name).exists():
                (folder / name).touch()  # of the poses before: taken away


def _mapping_result(run: RunDirectory, aligned: Realignment) -> MappingResult:
    """The run as if its mapping had ended with the aligned map."""
    final = aligned.final
    indices, trajectory = final.trajectory()
    return MappingResult(
        trajectory,
        indices,
        np.array([keyframe.id for keyframe in final.keyframes], int),
        final.keyframe_trajectory(),
        aligned.mesh,
        aligned.fusion,
        known_counts(run, int(indices[-1]) + 1),
        aligned.keyframes,
        load_decisions(run),
        final.dropped_loops,
        final.is_metric or run.read_description().says.units == "metres",
        () if final.alignment is None else tuple(final.alignment.costs),
        final.image_size,
        aligned.doubt,
        tie=final.tie,
    )


def _metrics(
    run: RunDirectory,
    aligned: Realignment,
    result: MappingResult,
    truth: Trajectory | None,
    stage: str,
) -> dict[str, Any]:
    """Those of the mapping, with everything anew that depends on poses and map."""
    before = run.read_json(run.metrics)
    kept = {key: value for key, value in before.items() if key not in ERRORS}
    left_out = int(kept.get("without_depth", 0))
    metrics = {"complete": False, **kept, **map_metrics(result, truth, left_out)}
    if truth is None and any(key in before for key in ERRORS):
        metrics["evaluation_failed"] = TRUTH_IS_GONE
    stopwatch = Stopwatch()
    stopwatch.durations[stage].append(aligned.seconds)
    metrics["timings"] = before.get("timings", {}) | stopwatch.summary()
    return metrics


def _account(aligned: Realignment, changes: Sequence[str]) -> dict[str, Any]:
    """What was aligned, how well, and what it took. seconds: with the map, without the report."""
    account: dict[str, Any] = {
        "mode": "afterwards",
        "changes": list(changes),
        "keyframes": len(aligned.final.keyframes),
        "left_out": aligned.final.left_out,
        "pairs": len(aligned.final.pairs),
        "seconds": aligned.seconds,
        "peak_memory_mb": peak_memory_mb(),
    }
    alignment = aligned.final.alignment
    if alignment is not None:
        account["matches"], account["costs"] = alignment.matches, alignment.costs
        account["converged"] = alignment.converged
        account["focal_factor"] = alignment.focal_factor
    return account


def _write_journal(run: RunDirectory, update: RunDirectory, aligned: Realignment) -> None:
    """The run's journal, less a line that a kill cut off, and the new poses."""
    content = run.journal.read_bytes()
    update.journal.write_bytes(content)
    journal = Journal(update.journal, content.rfind(b"\n") + 1)
    journal.append("dropped", loops=sorted(aligned.final.dropped_loops))
    journal.append("poses", **poses_record(aligned.final))
    journal.close()
