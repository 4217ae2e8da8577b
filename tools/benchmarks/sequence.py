"""Measures a whole run on a sequence with ground truth: accuracy, cost, map, robustness.

    python tools benchmarks.sequence SEQUENCE [--work DIR] [--baseline] [--long]

Maps the sequence in a process of its own and prints the table of docs/benchmarks.md:
ATE, RPE, revisit consistency (of the estimate and of the ground truth), frames a second, peak
memory, F-score of the mesh against one fused under ground-truth poses, and the ATE with a fifth
of the loop closures replaced by wrong ones. --baseline also runs Open3D's dense frame-to-model
SLAM over the same frames; --long maps the sequence back and forth ten times over.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
from gauntlet.open3d_slam import track_with_open3d
from measures.mesh_score import score_mesh
from measures.revisit_consistency import find_revisits, revisit_consistency

from mapper.backend.backend import Backend
from mapper.backend.config import BackendConfig
from mapper.backend.fusion.tsdf import TsdfConfig, TsdfVolume
from mapper.backend.graph.edge import Edge, EdgeKind
from mapper.backend.keyframes.flying_pixels import mask_unreliable
from mapper.backend.keyframes.trajectory_assembly import assemble_trajectory
from mapper.core.depth_noise import STRUCTURED_LIGHT, depth_confidence
from mapper.core.geometry import exp_se3, umeyama
from mapper.core.trajectory import Trajectory, nearest_times
from mapper.evaluate.metrics.trajectory import evaluate
from mapper.io.meshes.mesh_files import read_mesh, write_mesh
from mapper.io.sequences.open_sequence import open_sequence
from mapper.io.sequences.sequence import Sequence
from mapper.io.trajectory_files import read_tum
from mapper.run.directory import RunDirectory
from mapper.saved.map import load_graph
from mapper.vision.depth_pyramid import Level, build_pyramid

REVISIT_STEP = 20  # every 20th frame
REVISIT_GAP = 300  # frames, 10 s
REVISIT_OVERLAP = 0.2
WRONG_SHARE = 0.2
SEEDS = 5


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("sequence", type=Path)
    parser.add_argument("--work", type=Path, default=Path("runs/benchmark"))
    parser.add_argument("--baseline", action="store_true")
    parser.add_argument("--long", action="store_true")
    arguments = parser.parse_args()
    sequence = open_sequence(arguments.sequence)
    rows = measure_run(arguments.sequence, sequence, arguments.work)
    if arguments.baseline:
        rows += measure_open3d(sequence)
    if arguments.long:
        rows += measure_long(arguments.sequence, arguments.work)
    print(f"\n| {sequence.name}, {len(sequence)} frames | figure |\n| --- | --- |")
    for name, figure in rows:
        print(f"| {name} | {figure} |")


def measure_run(path: Path, sequence: Sequence, work: Path) -> list[tuple[str, str]]:
    metrics = map_in_process(path, work / "run")
    run = RunDirectory.open(work / "run")
    estimate, truth = read_tum(run.trajectory), sequence.ground_truth
    assert truth is not None
    evaluation = evaluate(estimate, truth, expected_frames=len(sequence))
    keyframes = evaluate(read_tum(run.keyframe_trajectory), truth)
    rows = [
        ("ATE RMSE, all frames, SE(3)", f"{evaluation.ate_se3.rmse * 100:.2f} cm"),
        ("ATE RMSE, all frames, Sim(3)", f"{evaluation.ate_sim3.rmse * 100:.2f} cm"),
        ("ATE RMSE, keyframes, Sim(3)", f"{keyframes.ate_sim3.rmse * 100:.2f} cm"),
        (
            "RPE per frame",
            f"{evaluation.rpe_translation_rmse * 1e3:.2f} mm, "
            f"{evaluation.rpe_rotation_rmse_deg:.3f} deg",
        ),
        ("frames placed", f"{evaluation.coverage:.1%}"),
        ("frames a second, everything", f"{metrics['fps']:.1f}"),
        ("peak memory", f"{metrics['peak_memory_mb']:.0f} MB"),
        ("keyframes, loops closed", f"{metrics['keyframes']}, {metrics['loops_accepted']}"),
    ]
    return (
        rows
        + measure_revisits(sequence, estimate)
        + measure_mesh(sequence, run, estimate, work)
        + measure_wrong_loops(run, truth)
    )


def map_in_process(path: Path, out: Path, *options: str) -> dict[str, Any]:
    """`mapper run` in a process of its own, so that its memory is its own too."""
    command = [sys.executable, "-m", "mapper", "run", str(path), "--out", str(out)]
    command += ["--overwrite", "--json", *options]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        sys.exit(f"mapper run failed ({done.returncode}): {done.stderr.strip()}")
    return json.loads(done.stdout)


def measure_revisits(sequence: Sequence, estimate: Trajectory) -> list[tuple[str, str]]:
    truth = sequence.ground_truth
    assert truth is not None
    levels: dict[int, Level] = {}
    for index in range(0, len(sequence), REVISIT_STEP):
        frame = sequence[index]
        assert frame.depth is not None and frame.intrinsics is not None
        levels[index] = build_pyramid(frame.depth, frame.image, frame.intrinsics).levels[0]
    poses_truth = at_times(truth, sequence.timestamps)
    poses_estimate = at_times(estimate, sequence.timestamps)
    pairs = find_revisits(poses_truth, levels, REVISIT_GAP, REVISIT_OVERLAP)
    ours = revisit_consistency(poses_estimate, levels, pairs)
    theirs = revisit_consistency(poses_truth, levels, pairs)
    name = f"revisit consistency, {ours.pairs} pairs"
    return [
        (name, f"{ours.median * 1e3:.2f} mm"),
        (name + ", ground truth", f"{theirs.median * 1e3:.2f} mm"),
    ]


def at_times(trajectory: Trajectory, timestamps: np.ndarray) -> np.ndarray:
    """Poses (N, 4, 4) nearest to the given times."""
    return trajectory.T_world_camera[nearest_times(trajectory.timestamps, timestamps)]


def measure_mesh(
    sequence: Sequence, run: RunDirectory, estimate: Trajectory, work: Path
) -> list[tuple[str, str]]:
    """F-score of our mesh against one fused from every fifth frame under ground-truth poses."""
    assert sequence.ground_truth is not None
    poses = at_times(sequence.ground_truth, sequence.timestamps)
    volume = TsdfVolume(TsdfConfig())
    for index in range(0, len(sequence), 5):
        frame = sequence[index]
        assert frame.depth is not None and frame.intrinsics is not None
        depth = mask_unreliable(frame.depth, 0.05)
        weight = depth_confidence(depth, STRUCTURED_LIGHT.coefficients)
        volume.integrate(depth, weight, frame.image, frame.intrinsics, poses[index])
    reference = volume.extract_mesh()
    write_mesh(work / "mesh_ground_truth.ply", reference)
    _, T = umeyama(
        estimate.positions, at_times(sequence.ground_truth, estimate.timestamps)[:, :3, 3], False
    )
    score = score_mesh(read_mesh(run.mesh), reference, T)
    return [
        (
            "mesh F-score at 5 cm, 2 cm voxels",
            f"{score.f_score:.3f} (precision {score.precision:.3f}, recall {score.recall:.3f})",
        )
    ]


def measure_wrong_loops(run: RunDirectory, truth: Trajectory) -> list[tuple[str, str]]:
    """ATE of the graph as it is, and with a fifth of its loops replaced by wrong ones."""
    right = graph_ate(run, truth, 0.0, 0)
    wrong = [graph_ate(run, truth, WRONG_SHARE, seed) for seed in range(SEEDS)]
    return [
        (
            f"ATE with {WRONG_SHARE:.0%} wrong loops, worst of {SEEDS} draws",
            f"{max(wrong) * 100:.2f} cm against {right * 100:.2f} cm "
            f"({max(wrong) / right - 1:+.1%})",
        )
    ]


def graph_ate(run: RunDirectory, truth: Trajectory, wrong_share: float, seed: int) -> float:
    """ATE after optimising the saved graph from scratch with some loops replaced."""
    keyframes, edges = load_graph(run)
    rng = np.random.default_rng(seed)
    edges = [
        spoil(edge, rng) if edge.kind == EdgeKind.LOOP and rng.random() < wrong_share else edge
        for edge in edges
    ]
    backend = Backend(BackendConfig(), run.keyframes)
    backend.restore(keyframes, edges, fuse=False)
    backend.graph.optimise(final=True)
    _, trajectory = assemble_trajectory(keyframes, dict(backend.poses))
    return evaluate(trajectory, truth).ate_se3.rmse


def spoil(edge: Edge, rng: np.random.Generator) -> Edge:
    """The edge as a false match would make it: half a metre and half a radian off."""
    wrong = exp_se3(np.r_[rng.normal(0, 0.5, 3), rng.normal(0, 0.5, 3)])
    return Edge(edge.i, edge.j, edge.S_i_j @ wrong, edge.information, edge.kind)


def measure_open3d(sequence: Sequence) -> list[tuple[str, str]]:
    """Open3D's dense frame-to-model SLAM on the same frames, at its own settings, 2 cm voxels."""
    track = track_with_open3d(sequence)
    poses = track.T_world_camera
    estimate = Trajectory(sequence.timestamps[: len(poses)], poses)
    assert sequence.ground_truth is not None
    evaluation = evaluate(estimate, sequence.ground_truth)
    return [
        ("Open3D dense SLAM: ATE, SE(3)", f"{evaluation.ate_se3.rmse * 100:.2f} cm"),
        (
            "Open3D dense SLAM: RPE",
            f"{evaluation.rpe_translation_rmse * 1e3:.2f} mm, "
            f"{evaluation.rpe_rotation_rmse_deg:.3f} deg",
        ),
        ("Open3D dense SLAM: frames a second, no reading", f"{len(poses) / track.seconds:.1f}"),
        ("Open3D dense SLAM: revisit consistency", measure_revisits(sequence, estimate)[0][1]),
    ]


def measure_long(path: Path, work: Path) -> list[tuple[str, str]]:
    """The sequence back and forth, ten times its length."""
    from mapper.runtime.process_health import peak_memory_mb
    from mapper.slam.mapper import Mapper

    sequence = open_sequence(path)
    store = RunDirectory.create(Path(tempfile.mkdtemp(dir=work)), overwrite=False).keyframes
    mapper = Mapper(store=store)
    order = np.concatenate([np.arange(len(sequence)), np.arange(len(sequence))[::-1]])
    rows = []
    start = time.perf_counter()
    step = 0
    for _ in range(5):
        for index in order:
            frame = sequence[int(index)]
            mapper.step(type(frame)(step, step / 30.0, frame.image, frame.depth, frame.intrinsics))
            step += 1
        rows.append(
            (
                f"long run: memory, keyframes, TSDF blocks after {step} frames",
                f"{peak_memory_mb():.0f} MB peak, {mapper.keyframes}, "
                f"{len(mapper.backend.fusion.volume)}",
            )
        )
    result = mapper.finish()
    seconds = time.perf_counter() - start
    truth = at_times(sequence.ground_truth, sequence.timestamps)  # type: ignore[arg-type]
    poses = truth[np.tile(order, 5)][result.frame_indices]
    evaluation = evaluate(
        result.trajectory, Trajectory(result.trajectory.timestamps, poses), expected_frames=step
    )
    rows.append(
        (
            "long run: ATE, frames a second",
            f"{evaluation.ate_se3.rmse * 100:.2f} cm, {step / seconds:.1f}",
        )
    )
    return rows


if __name__ == "__main__":
    main()
