"""A walk of 300 m whose odometry drifts, tied to a receiver that is 1 m off and jumps.

    python tools benchmarks.priors.gps_walk [--seeds 5]

A keyframe a metre, five frames each; a fix a second, 1.4 m apart, between frames; a tenth of them
is 20 m off. No loop closes. "metric": steps of a depth camera, 0.3 degrees and 0.5 % off. "colour":
without a unit, its scale drifting by 0.3 % a step besides. The error with GPS is absolute, in the
east-north-up frame; without it, after the best alignment (rigid, of colour a similarity). RPE: the
worst of a metre's motion, up to one scale, in millimetres.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass

import numpy as np
from scipy.spatial.transform import Rotation

from mapper.backend.graph.edge import Edge, EdgeKind
from mapper.backend.graph.pose_graph import PoseGraph, PoseGraphConfig
from mapper.backend.keyframes.keyframe import Keyframe, TrackedFrame
from mapper.backend.priors.knowledge import Knowledge
from mapper.backend.priors.tie import TieTask, tie
from mapper.core.geometry import inverse, pose, umeyama
from mapper.core.intrinsics import Intrinsics
from mapper.core.pose_readings import GeoOrigin, PoseReadings
from mapper.core.sim3 import exp_sim3, inverse_similarity, rigid_part, similarity
from mapper.run.records import NO_FEATURES

LENGTH, SPEED = 300, 1.4  # m, m/s
FRAMES = 5
CAMERA = Intrinsics(300, 300, 160, 120, 321, 241)
STEP_DEG, STEP_SHARE, SCALE_SHARE = 0.3, 0.005, 0.003
FIX_M, JUMP_M, JUMPS = 1.0, 20.0, 0.1
ORIGIN = GeoOrigin(47.0, 8.0, 400.0)


@dataclass(frozen=True, slots=True, eq=False)
class Walk:
    """T: T_world_frame (N, 4, 4), the truth, x east and z up. times: (N,)."""

    T: np.ndarray
    times: np.ndarray
    task: TieTask

    @property
    def truth(self) -> np.ndarray:
        """T_world_keyframe (K, 4, 4)."""
        return self.T[::FRAMES]


def way() -> np.ndarray:
    """T_world_frame (N, 4, 4): streets and corners, gently up and down."""
    s = np.arange(LENGTH * FRAMES) / FRAMES
    corners = np.interp(s, [0, 60, 66, 130, 136, 190, 196, 260, 266, LENGTH], np.pi / 2
                        * np.array([0, 0, 1, 1, 2, 2, 1, 1, 0, 0]))  # fmt: skip
    heading = corners + 0.1 * np.sin(s / 7)
    steps = np.column_stack([np.cos(heading), np.sin(heading), 0.03 * np.sin(s / 20)]) / FRAMES
    level = np.array([[0.0, 0, 1], [-1, 0, 0], [0, -1, 0]])
    turned = Rotation.from_rotvec(heading[:, None] * [0.0, 0, 1]).as_matrix() @ level
    places = np.cumsum(steps, axis=0)
    return np.array([pose(R, place) for R, place in zip(turned, places, strict=True)])


def walked(seed: int, is_metric: bool) -> Walk:
    """The same way, its steps off by a draw."""
    rng = np.random.default_rng(seed)
    T, times = way(), np.arange(LENGTH * FRAMES) / FRAMES / SPEED
    graph = PoseGraph(PoseGraphConfig(scale="fixed" if is_metric else "free"))
    graph.take_units(is_metric)
    graph.add_pose(0, np.eye(4))
    sigmas = np.array([np.radians(STEP_DEG)] * 3 + [STEP_SHARE] * 3 + [SCALE_SHARE])
    keyframes = []
    for k in range(LENGTH):
        frames = [
            TrackedFrame(n, float(times[n]), inverse(T[k * FRAMES]) @ T[n])
            for n in range(k * FRAMES, (k + 1) * FRAMES)
        ]
        keyframes.append(
            Keyframe(k, 0, np.eye(4), NO_FEATURES, CAMERA, frames, 5.0, is_metric=is_metric)
        )
        if k:
            off = sigmas * rng.normal(size=7) * ([1.0] * 6 + [0.0 if is_metric else 1.0])
            S = inverse(T[(k - 1) * FRAMES]) @ T[k * FRAMES] @ exp_sim3(off)
            keyframes[k].T_previous_keyframe = rigid_part(S)
            graph.add_pose(k, graph.poses[k - 1] @ S)
            graph.add_edge(Edge(k - 1, k, S, np.diag(sigmas**-2.0), EdgeKind.ODOMETRY))
    return Walk(T, times, TieTask(keyframes, dict(graph.poses), list(graph.edges), graph))


def receiver(walk: Walk, seed: int, jumps: float) -> PoseReadings:
    """A fix a second. jumps: share of those that are far off."""
    rng = np.random.default_rng(1000 + seed)
    times = np.arange(0.1, walk.times[-1], 1.0)
    true = np.column_stack([np.interp(times, walk.times, axis) for axis in walk.T[:, :3, 3].T])
    found = true + rng.normal(0, FIX_M, true.shape)
    away = rng.normal(size=true.shape)
    away *= JUMP_M / np.linalg.norm(away, axis=1, keepdims=True)
    wrong = rng.random(len(found)) < jumps
    found[wrong] += away[wrong]
    sigma = np.full(len(times), FIX_M)
    return PoseReadings("gps", times, found, None, sigma, 1.0, drifts=False, origin=ORIGIN)


def absolute(poses: dict[int, np.ndarray], truth: np.ndarray) -> float:
    """Root mean square, metres."""
    away = np.array([poses[k][:3, 3] for k in range(len(truth))]) - truth[:, :3, 3]
    return float(np.sqrt(np.mean(np.sum(away**2, axis=1))))


def aligned(
    poses: dict[int, np.ndarray], truth: np.ndarray, with_scale: bool
) -> dict[int, np.ndarray]:
    """Where the best alignment puts them."""
    found = np.array([poses[k][:3, 3] for k in range(len(truth))])
    S = similarity(*umeyama(found, truth[:, :3, 3], with_scale))
    return {k: S @ pose for k, pose in poses.items()}


def worst_step(poses: dict[int, np.ndarray], truth: np.ndarray) -> float:
    """Millimetres that a step between keyframes is off, at the scale of all of them."""
    steps = [rigid_part(inverse_similarity(poses[k]) @ poses[k + 1]) for k in range(LENGTH - 1)]
    scales = np.array([np.linalg.norm(poses[k][:3, 0]) for k in range(LENGTH - 1)])
    ways = np.array([T[:3, 3] for T in steps]) * scales[:, None]
    true = np.array([(inverse(truth[k]) @ truth[k + 1])[:3, 3] for k in range(LENGTH - 1)])
    ways *= np.median(np.linalg.norm(true, axis=1) / np.linalg.norm(ways, axis=1))
    return float(1000 * np.linalg.norm(ways - true, axis=1).max())


def row(seed: int, is_metric: bool) -> str:
    """Of one walk."""
    made = walked(seed, is_metric)
    truth, alone = made.truth, dict(made.task.poses)
    before = absolute(aligned(alone, truth, not is_metric), truth)
    cells = [f"{before:.2f}", f"{worst_step(alone, truth):.0f}"]
    for jumps in (0.0, JUMPS):
        readings = receiver(made, seed, jumps)
        tied = tie(made.task, Knowledge((readings,)))
        if tied.tie.refused:
            return f"| {seed} | {tied.tie.refused} |"
        used = tied.tie.sources[0]
        cells += [
            f"{used['agreeing']}/{used['readings']}",
            f"{absolute(tied.poses, truth):.2f}",
            f"{worst_step(tied.poses, truth):.0f}",
        ]
    return f"| {'metric' if is_metric else 'colour'} {seed} | " + " | ".join(cells) + " |"


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seeds", type=int, default=5)
    arguments = parser.parse_args()
    print(
        "| walk | alone m | RPE | fixes that agree | with GPS m | RPE | with jumps: fixes | m "
        "| RPE |"
    )
    print("|" + " --- |" * 9)
    for is_metric in (True, False):
        for seed in range(arguments.seeds):
            print(row(seed, is_metric), flush=True)


if __name__ == "__main__":
    main()
