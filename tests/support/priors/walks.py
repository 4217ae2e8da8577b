"""A walk whose odometry drifts, its truth, and what other sensors would say of it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.spatial.transform import Rotation

from mapper.backend.graph.edge import Edge, EdgeKind
from mapper.backend.graph.pose_graph import PoseGraph, PoseGraphConfig
from mapper.backend.keyframes.keyframe import Keyframe, TrackedFrame
from mapper.backend.priors.tie import TieTask
from mapper.core.geometry import inverse, pose
from mapper.core.intrinsics import Intrinsics
from mapper.core.pose_readings import PoseReadings
from mapper.core.sim3 import exp_sim3, inverse_similarity, rigid_part, similarity
from mapper.run.records import NO_FEATURES

CAMERA = Intrinsics(100, 100, 50, 40, 101, 81)
FRAMES = 5  # of each keyframe
PERIOD_S = 0.1


@dataclass(frozen=True, slots=True)
class Drift:
    """Of each step: radians, share of its length, logarithm of the scale; systematic or not."""

    rotation: float = 2e-3
    translation: float = 5e-3
    log_scale: float = 3e-3
    sinking: float = 0.0  # of the scale from keyframe to keyframe, always the same way


@dataclass(frozen=True, slots=True, eq=False)
class Walk:
    """T_world_frame: (N, 4, 4), metres, z up: the truth. times: (N,). sinking: see Drift."""

    times: np.ndarray
    T_world_frame: np.ndarray
    task: TieTask
    sinking: float

    def readings(self, every: int = 1, sigma: float = 0.01, **changes: object) -> PoseReadings:
        """Exact ones, of every so many-th frame, as another sensor would give them."""
        T = self.T_world_frame[::every]
        made = {
            "name": "other.txt",
            "times": self.times[::every],
            "positions": T[:, :3, 3].copy(),
            "rotations": T[:, :3, :3].copy(),
            "sigma": np.full(len(T), sigma),
            "sigma_deg": 0.5,
        }
        return PoseReadings(**(made | changes))  # type: ignore[arg-type]

    def error(self, poses: dict[int, np.ndarray]) -> float:
        """Root mean square of the keyframes' positions, metres, without any alignment."""
        found = np.array([poses[k.id][:3, 3] for k in self.task.keyframes])
        return float(np.sqrt(np.mean(np.sum((found - self.keyframe_positions) ** 2, axis=1))))

    @property
    def keyframe_positions(self) -> np.ndarray:
        """(K, 3)."""
        return self.T_world_frame[::FRAMES, :3, 3]


def walk(
    keyframes: int = 40,
    step: float = 0.3,
    seed: int = 0,
    drift: Drift = Drift(),  # frozen
    is_metric: bool = False,
    turns: float = 1.0,
    has_corners: bool = False,
) -> Walk:
    """Once around a block, by a camera that looks ahead and up and down by turns; or by streets
    that meet at corners."""
    rng = np.random.default_rng(seed)
    count = keyframes * FRAMES
    T = _way(count, step / FRAMES, turns, has_corners)
    times = 100.0 + PERIOD_S * np.arange(count)
    scales = (
        np.ones(keyframes) if is_metric else 0.4 * np.exp(-drift.sinking * np.arange(keyframes))
    )
    S_true = similarity(scales, T[::FRAMES])  # metres per keyframe's unit
    made, graph = [], PoseGraph(PoseGraphConfig(scale="fixed" if is_metric else "free"))
    graph.take_units(is_metric)
    for k in range(keyframes):
        frames = []
        for number in range(k * FRAMES, (k + 1) * FRAMES):
            S = inverse(T[k * FRAMES]) @ T[number]
            S[:3, 3] /= scales[k]
            frames.append(TrackedFrame(number, float(times[number]), S))
        made.append(
            Keyframe(k, 0, np.eye(4), NO_FEATURES, CAMERA, frames, 2.0, is_metric=is_metric)
        )
    graph.add_pose(0, np.eye(4))
    sigmas = np.array(
        [drift.rotation] * 3
        + [max(drift.translation * step, 1e-4) / scales[0]] * 3
        + [max(drift.log_scale, drift.sinking)]
    )
    for k in range(1, keyframes):
        wrong = rng.normal(size=7) * sigmas
        wrong[6] = 0.0 if is_metric else rng.normal() * drift.log_scale + drift.sinking
        S = inverse_similarity(S_true[k - 1]) @ S_true[k] @ exp_sim3(wrong)
        made[k].T_previous_keyframe = rigid_part(S)
        graph.add_pose(k, graph.poses[k - 1] @ S)
        graph.add_edge(Edge(k - 1, k, S, np.diag(sigmas**-2.0), EdgeKind.ODOMETRY))
    task = TieTask(made, dict(graph.poses), list(graph.edges), graph)
    return Walk(times, T, task, drift.sinking)


def _way(count: int, step: float, turns: float, has_corners: bool) -> np.ndarray:
    """T_world_camera (N, 4, 4) on a rounded rectangle, and up and down a little."""
    angle = 2 * np.pi * turns * np.arange(count) / count
    heading = angle + 0.3 * np.sin(3 * angle)
    if has_corners:
        at, left = (
            [0, 0.2, 0.23, 0.42, 0.45, 0.6, 0.63, 0.85, 0.88, 1],
            [0, 0, 1, 1, 2, 2, 1, 1, 0, 0],
        )
        heading = np.pi / 2 * np.interp(np.arange(count) / count, at, left)
    steps = step * np.column_stack([np.cos(heading), np.sin(heading), 0.1 * np.cos(5 * angle)])
    positions = np.cumsum(steps, axis=0)
    level = np.array([[0.0, 0, 1], [-1, 0, 0], [0, -1, 0]])  # z ahead along x, y down
    turned = Rotation.from_rotvec(heading[:, None] * [0.0, 0, 1]).as_matrix() @ level
    nod = Rotation.from_rotvec(0.2 * np.sin(2 * angle)[:, None] * [1.0, 0, 0]).as_matrix()
    return np.array([pose(R, p) for R, p in zip(turned @ nod, positions, strict=True)])
