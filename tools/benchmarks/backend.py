"""Measures what the backend makes of drifting predictions, where the truth is known exactly.

    python tools benchmarks.backend SEQUENCE [--work DIR] [--seeds 5] [--images rendered|real]

Simulates predictions with tools/simulate_predictions.py (kept in --work and used again), maps
them, and prints the tables of docs/benchmarks.md: the error as predicted, after the pose graph
alone, and after global alignment; with state resets; with two in five loop candidates wrong; and
with the scale held.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from measures.mesh_score import score_mesh

from mapper.backend.backend import Backend
from mapper.backend.config import BackendConfig
from mapper.backend.graph.edge import Edge, EdgeKind
from mapper.backend.graph.pose_graph import PoseGraphConfig
from mapper.backend.keyframes.keyframe import Keyframe
from mapper.backend.keyframes.map_cache import MapCache
from mapper.backend.loops.loop_candidates import Candidate, CandidateFinder
from mapper.core.geometry import inverse, rotation_angle, umeyama
from mapper.core.mesh import Mesh
from mapper.core.prediction import Prediction
from mapper.core.prediction_files import load_prediction
from mapper.core.sim3 import rigid_part, similarity
from mapper.core.trajectory import Trajectory
from mapper.io.meshes.mesh_files import read_mesh
from mapper.io.trajectory_files import read_tum

SIMULATOR = Path(__file__).parents[1] / "simulate_predictions.py"
TARGET_ATE = 0.275  # metres, of the predictions as they are
RESET_EVERY = 110
WRONG_SHARE = 0.4
WRONG_ROTATION = np.radians(10)  # an edge that is off by more is wrong, wherever it came from
WRONG_ANGLE = np.radians(
    50
)  # cameras that look further apart share next to nothing: fields of view 57 x 44 degrees


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("sequence", type=Path)
    parser.add_argument("--work", type=Path, default=Path("runs/benchmark_backend"))
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--images", choices=("rendered", "real"), default="rendered")
    arguments = parser.parse_args()
    simulations = Simulations(
        arguments.sequence, arguments.work / arguments.images, arguments.images
    )
    print(HEADER)
    rows = []
    for seed in range(arguments.seeds):
        rows.append(measure(f"seed {seed}", simulations.folder(seed)))
        print(rows[-1].line(), flush=True)
    print(summary("mean", rows, np.mean))
    print(summary("worst", rows, np.max), flush=True)
    resets = simulations.folder(0, RESET_EVERY)
    print(measure(f"seed 0, reset every {RESET_EVERY}", resets).line(), flush=True)
    fixed = BackendConfig(align="off", graph=PoseGraphConfig(scale="fixed"))
    print(measure("seed 0, scale held", simulations.folder(0), fixed).line(), flush=True)
    print_wrong_loops(simulations.folder(0), rows[0].graph_ate)


HEADER = "\n".join(
    (
        "| predictions | keyframes | predicted | graph | aligned | F graph | F aligned | s |",
        "|---|---|---|---|---|---|---|---|",
    )
)


@dataclass(frozen=True, slots=True)
class Row:
    """ATE in metres after the best similarity; F-scores at 5 cm. seconds: mapping, alignment."""

    name: str
    keyframes: float
    raw_ate: float
    graph_ate: float
    aligned_ate: float
    graph_score: float
    aligned_score: float
    seconds: float
    alignment_seconds: float

    def line(self) -> str:
        ates = (self.raw_ate, self.graph_ate, self.aligned_ate)
        return (
            f"| {self.name} | {self.keyframes:.0f} | "
            + " | ".join(f"{ate * 100:.2f} cm" for ate in ates)
            + f" | {self.graph_score:.3f} | {self.aligned_score:.3f}"
            + f" | {self.seconds:.0f} + {self.alignment_seconds:.0f} |"
        )


def summary(name: str, rows: list[Row], of: Callable[[list[float]], Any]) -> str:
    """A row of means, or of the worst of each; of F-scores the lowest is the worst."""
    values = {
        field: float(of([getattr(row, field) for row in rows]))
        for field in Row.__dataclass_fields__
        if field != "name"
    }
    if of is np.max:
        for field in ("graph_score", "aligned_score"):
            values[field] = min(getattr(row, field) for row in rows)
    return Row(name, **values).line()


@dataclass(frozen=True, slots=True)
class Simulations:
    """Folders of simulated predictions of one sequence, made when first asked for."""

    sequence: Path
    work: Path
    images: str

    def folder(self, seed: int, reset_every: int = 0) -> Path:
        path = self.work / f"seed{seed}_reset{reset_every}"
        if (path / "simulation.yaml").exists():
            return path
        options = ["--seed", str(seed), "--target-ate", str(TARGET_ATE), "--images", self.images]
        options += ["--reset-every", str(reset_every), "--overwrite"]
        first = self.work / "seed0_reset0"
        if path != first:
            options += ["--truth", str(first)]
        command = [sys.executable, str(SIMULATOR), str(self.sequence), "--out", str(path), *options]
        subprocess.run(command, check=True)
        return path


def measure(name: str, folder: Path, config: BackendConfig | None = None) -> Row:
    """Map a folder of predictions, then align; both judged against the simulation's truth."""
    truth = read_tum(folder / "groundtruth.txt")
    surface = read_mesh(folder / "truth_mesh.ply")
    started = time.perf_counter()
    backend = Backend(config or BackendConfig(align="off"))
    raw = run_backend(backend, folder)
    seconds = time.perf_counter() - started
    graph_ate, graph_score = judge(backend, backend.extract_mesh(), truth, surface)
    started = time.perf_counter()
    mesh = align(backend)
    alignment_seconds = time.perf_counter() - started
    aligned_ate, aligned_score = judge(backend, mesh, truth, surface)
    return Row(
        name,
        len(backend.keyframes),
        ate(raw, truth)[0],
        graph_ate,
        aligned_ate,
        graph_score,
        aligned_score,
        seconds,
        alignment_seconds,
    )


def predictions(folder: Path) -> Iterator[Prediction]:
    """In the order of frames and, of a frame seen by two segments, of segments."""
    for path in sorted(folder.glob("*-*.npz")):
        yield load_prediction(path)


def run_backend(backend: Backend, folder: Path) -> Trajectory:
    """Map everything; returns the trajectory as predicted, all segments laid end to end."""
    T_world_segment, segment, last = np.eye(4), 0, np.eye(4)
    timestamps, poses = [], []
    for prediction in predictions(folder):
        backend.add(prediction)
        if prediction.segment != segment:  # the frame was predicted by both
            segment = prediction.segment
            T_world_segment = last @ inverse(prediction.T_world_camera)
            continue
        last = T_world_segment @ prediction.T_world_camera
        timestamps.append(prediction.timestamp)
        poses.append(last)
    backend.finish()
    return Trajectory(np.array(timestamps), np.array(poses))


def align(backend: Backend) -> Mesh:
    """Global alignment of a finished map, and the mesh of its refined keyframes."""
    backend.config = replace(backend.config, align="final")
    backend.finalise()
    return backend.extract_mesh()


def judge(backend: Backend, mesh: Mesh, truth: Trajectory, surface: Mesh) -> tuple[float, float]:
    """(ATE of all frames after the best similarity, F-score at 5 cm)."""
    _, trajectory = backend.trajectory()
    error, S_truth_map = ate(trajectory, truth)
    return error, score_mesh(mesh, surface, S_truth_map).f_score


def ate(estimate: Trajectory, truth: Trajectory) -> tuple[float, np.ndarray]:
    """(root mean square distance of the camera centres, the similarity that makes it least)."""
    rows = np.searchsorted(truth.timestamps, estimate.timestamps - 1e-6)
    target = truth.positions[rows]
    scale, T = umeyama(estimate.positions, target, True)
    moved = scale * estimate.positions @ T[:3, :3].T + T[:3, 3]
    return float(np.sqrt(((moved - target) ** 2).sum(1).mean())), similarity(scale, T)


class SpoiledFinder(CandidateFinder):
    """Adds wrong loop candidates to those found: keyframes that truly look elsewhere."""

    def __init__(self, backend: Backend, truth: Trajectory, seed: int) -> None:
        super().__init__(backend.config.loops.candidates)
        self._keyframes = backend.keyframes
        self._truth = truth
        self._rng = np.random.default_rng(seed)
        self.right = self.injected = 0

    def propose(
        self, new: Keyframe, poses: Mapping[int, np.ndarray], maps: MapCache
    ) -> list[Candidate]:
        right = super().propose(new, poses, maps)
        loops = sum(candidate.kind == EdgeKind.LOOP for candidate in right)
        elsewhere = [k.id for k in self._keyframes[:-1] if self.is_wrong(k.id, new.id)]
        self.right += loops
        owed = round(self.right * WRONG_SHARE / (1 - WRONG_SHARE)) - self.injected
        chosen = self._rng.permutation(elsewhere)[:owed].tolist()
        self.injected += len(chosen)
        return right + [Candidate(i, EdgeKind.LOOP, "proximity") for i in chosen]

    def is_wrong(self, i: int, j: int) -> bool:
        """Whether two keyframes truly look so far apart that they share nothing."""
        axis_i, axis_j = (self._true_pose(self._keyframes[k])[:3, 2] for k in (i, j))
        return bool(np.arccos(np.clip(axis_i @ axis_j, -1, 1)) > WRONG_ANGLE)

    def is_off(self, edge: Edge) -> bool:
        """Whether an edge says something else of two cameras than the truth does."""
        T_i, T_j = (self._true_pose(self._keyframes[k]) for k in (edge.i, edge.j))
        error = rigid_part(edge.S_i_j)[:3, :3].T @ (T_i[:3, :3].T @ T_j[:3, :3])
        return rotation_angle(error) > WRONG_ROTATION

    def _true_pose(self, keyframe: Keyframe) -> np.ndarray:
        row = np.searchsorted(self._truth.timestamps, keyframe.timestamp - 1e-6)
        return self._truth.T_world_camera[row]


def print_wrong_loops(folder: Path, clean_ate: float) -> None:
    """What becomes of wrong candidates, and of the map that has to live with them."""
    truth = read_tum(folder / "groundtruth.txt")
    backend = Backend(replace(BackendConfig(), align="off"))
    finder = SpoiledFinder(backend, truth, seed=0)
    backend.linker.loop_closer.finder = finder
    run_backend(backend, folder)
    loops = [edge for edge in backend.graph.edges if edge.kind == EdgeKind.LOOP]
    wrong = [edge for edge in loops if finder.is_off(edge)]
    kept = [edge for edge in wrong if backend.graph.is_inlier(edge)]
    error = ate(backend.trajectory()[1], truth)[0]
    print(
        f"\n{finder.injected} wrong loop candidates beside {finder.right} found, "
        f"{len(loops)} loops closed: {len(wrong)} wrong ones passed verification, {len(kept)} kept "
        f"full weight; ATE {error * 100:.2f} cm against "
        f"{clean_ate * 100:.2f} cm ({error / clean_ate - 1:+.1%})"
    )


if __name__ == "__main__":
    main()
