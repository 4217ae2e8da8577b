"""What lengths, tags and a phone's poses make of maps of simulated, drifting predictions.

    python tools benchmarks.priors.predictions SEQUENCE PREDICTIONS... --work DIR

SEQUENCE: with true poses. PREDICTIONS: folders by tools/simulate_predictions.py of these frames.
Each is mapped without anything known, and that map is then tied to: one length between two pixels
of a keyframe, the tape half a per cent off (LENGTHS draws); the sightings of three tags of 16 cm on
the walls, 1 % off in distance and 0.3 pixels at the corners; 20 readings of a range finder in each
keyframe, 1 % off; the poses of a phone, which drift by 1 % of the way, as `mapper run --poses`
does.
SE(3) is the error without any scaling.
"""

from __future__ import annotations

import argparse
import sys
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path

import numpy as np
from simulation.truth import DepthRenderer

from benchmarks.priors.known_of_truth import World, tracked
from mapper.backend.config import BackendConfig
from mapper.backend.global_map import GlobalMap
from mapper.backend.graph.edge import Edge
from mapper.backend.graph.pose_graph import PoseGraph
from mapper.backend.graph.restoration import restored_graph
from mapper.backend.priors.knowledge import Knowledge
from mapper.backend.priors.tie import TiedMap, TieTask, tie, with_relative_poses
from mapper.core.geometry import umeyama
from mapper.core.trajectory import MATCH_SECONDS, Trajectory, matching_times
from mapper.errors import MapperError
from mapper.evaluate.metrics.trajectory import evaluate
from mapper.io.meshes.mesh_files import read_mesh
from mapper.io.sequences.open_sequence import open_sequence
from mapper.io.trajectory_files import read_tum, write_tum
from mapper.pipeline import map_into
from mapper.request import RunRequest
from mapper.run.directory import RunDirectory
from mapper.saved.map import load_graph, load_map

LENGTHS = 40
TAGS = 3
READINGS = 20  # of a range finder, in a keyframe
TRACKER_DRIFT = 0.01
HEAD = (
    "| seed | scale off % | SE(3) cm | Sim(3) cm | scale off by one length %: median (9 of 10, "
    "worst) | tags' sightings | scale off by them % | SE(3) cm | Sim(3) cm | by 20 depths % | "
    "SE(3) cm | Sim(3) cm | phone alone cm | with it: SE(3) cm | Sim(3) cm |"
)


@dataclass(frozen=True, slots=True, eq=False)
class Mapped:
    """A run that is finished, its map and its graph at it."""

    run: RunDirectory
    saved: GlobalMap
    graph: PoseGraph
    edges: list[Edge]

    @classmethod
    def of(cls, run: RunDirectory) -> Mapped:
        """As mapper scale reads it."""
        config: BackendConfig = run.read_description().backend_settings()
        keyframes, edges = load_graph(run)
        saved = load_map(run)
        graph = restored_graph(config.graph, keyframes, edges)
        graph.poses.update(saved.poses)
        inliers = [e for e in edges if e.i in saved.poses and e.j in saved.poses]
        inliers = [edge for edge in inliers if graph.is_inlier(edge)]
        return cls(run, saved, graph, with_relative_poses(inliers, saved.poses))

    def tied(self, known: Knowledge) -> TiedMap:
        """As mapper scale ties it."""
        return tie(TieTask(self.saved.keyframes, self.saved.poses, self.edges, self.graph), known)

    def trajectory(self, tied: TiedMap) -> Trajectory:
        """Of all frames."""
        return replace(self.saved, poses=tied.poses).trajectory()[1]


def scale_error(estimate: Trajectory, truth: Trajectory) -> float:
    """Share by which an estimate is too large or too small."""
    true, found = matching_times(truth.timestamps, estimate.timestamps, MATCH_SECONDS)
    scale, _ = umeyama(estimate.positions[found], truth.positions[true], with_scale=True)
    return abs(1 / float(scale) - 1)


def errors(estimate: Trajectory, truth: Trajectory) -> str:
    """In SE(3) and up to scale."""
    found = evaluate(estimate, truth)
    return f"{100 * found.ate_se3.rmse:.2f} | {100 * found.ate_sim3.rmse:.2f}"


def row(seed: int, predictions: Path, arguments: argparse.Namespace) -> str:
    """Of one simulation."""
    rng = np.random.default_rng(seed)
    mapped = Mapped.of(run_of(predictions, arguments, f"plain_{seed}"))
    truth = read_tum(predictions / "groundtruth.txt")
    before = mapped.saved.trajectory()[1]
    sequence = open_sequence(arguments.sequence)
    assert sequence.intrinsics is not None
    map_of = mapped.saved.maps_to_fuse(
        mapped.run.read_description().backend_settings().refinement,
        lru_cache(64)(mapped.run.keyframes.load),
    )
    renderer = DepthRenderer(read_mesh(predictions / "truth_mesh.ply"))
    mesh = read_mesh(mapped.run.mesh)
    world = World(renderer, truth, sequence.intrinsics, mapped.saved, mesh, map_of)
    cells = [f"{100 * scale_error(before, truth):.1f}", errors(before, truth)]
    cells += [_one_length(mapped, world, rng), _tags(mapped, world, rng)]
    cells += [_range_finder(mapped, world, rng)]
    cells += [_phone(seed, predictions, truth, arguments)]
    return f"| {seed} | " + " | ".join(cells) + " |"


def _one_length(mapped: Mapped, world: World, rng: np.random.Generator) -> str:
    off = []
    for length in world.lengths(LENGTHS, rng):
        tied = mapped.tied(Knowledge(measured=(length,)))
        if not tied.tie.refused:
            off.append(100 * scale_error(mapped.trajectory(tied), world.truth))
    refused = f", {LENGTHS - len(off)} refused" if len(off) < LENGTHS else ""
    return f"{np.median(off):.1f} ({np.quantile(off, 0.9):.1f}, {max(off):.1f}{refused})"


def _tags(mapped: Mapped, world: World, rng: np.random.Generator) -> str:
    sightings = world.sightings(TAGS, rng)
    tied = mapped.tied(Knowledge(sightings=tuple(sightings)))
    if tied.tie.refused:
        return tied.tie.refused
    estimate = mapped.trajectory(tied)
    seen = tied.tie.sources[-1]
    share = f"{seen['agreeing']}/{seen['readings']}"
    off = 100 * scale_error(estimate, world.truth)
    return f"{share} | {off:.1f} | {errors(estimate, world.truth)}"


def _range_finder(mapped: Mapped, world: World, rng: np.random.Generator) -> str:
    tied = mapped.tied(Knowledge(measured=tuple(world.scales(READINGS, rng))))
    if tied.tie.refused:
        return tied.tie.refused
    estimate = mapped.trajectory(tied)
    off = 100 * scale_error(estimate, world.truth)
    return f"{off:.1f} | {errors(estimate, world.truth)}"


def _phone(seed: int, predictions: Path, truth: Trajectory, arguments: argparse.Namespace) -> str:
    poses = tracked(truth, TRACKER_DRIFT, np.random.default_rng(seed))
    file = arguments.work / f"phone_{seed}.txt"
    write_tum(file, poses)
    run = run_of(predictions, arguments, f"phone_{seed}", str(file))
    refused = run.read_json(run.metrics)["priors"].get("refused")
    alone = f"{100 * evaluate(poses, truth).ate_se3.rmse:.2f}"
    return f"{alone} | {refused or errors(read_tum(run.trajectory), truth)}"


def run_of(
    predictions: Path, arguments: argparse.Namespace, name: str, poses: str = "auto"
) -> RunDirectory:
    run, _ = map_into(
        RunRequest(
            sequence=arguments.sequence,
            out=arguments.work / name,
            frontend="replay",
            changes=(f"replay.predictions={predictions}", *arguments.changes),
            stride=arguments.stride,
            max_frames=arguments.max_frames,
            poses=poses,
            save_recording=False,
            overwrite=True,
        )
    )
    return run


def main() -> int:
    """Print the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("sequence", type=Path)
    parser.add_argument("predictions", type=Path, nargs="+")
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--stride", type=int, default=4)
    parser.add_argument("--max-frames", type=int, default=250)
    parser.add_argument("--set", dest="changes", action="append", default=[])
    arguments = parser.parse_args()
    arguments.work.mkdir(parents=True, exist_ok=True)
    print(HEAD)
    print("|" + " --- |" * 15)
    try:
        for seed, predictions in enumerate(arguments.predictions):
            print(row(seed, predictions, arguments), flush=True)
    except MapperError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
