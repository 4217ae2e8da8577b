"""A long walk through a grid of corridors, as the edges of a pose graph: for benchmarks of it.

The walker turns at random at the crossings and so comes back to where it was, again and again.
Every keyframe has a unit of its own that drifts (a similarity) or none (a rigid pose).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from scipy.spatial import cKDTree

from mapper.backend.graph.edge import Edge, EdgeKind
from mapper.core.geometry import pose
from mapper.core.sim3 import exp_sim3, inverse_similarity, similarity


@dataclass(frozen=True, slots=True)
class WalkOptions:
    """keyframes: how many. free_scale: units drift; else all are 1.

    corridors: on each side of the grid; spacing: units between them; step: between keyframes.
    recent: keyframes back up to which an edge is covisibility. loop_distance [units] and
    loop_angle [rad]: within which an earlier keyframe is seen again; max_loops: for each keyframe.
    sigmas: (7,) of odometry: rotation, translation, log scale; the others are half as far off.
    unit_sigma: standard deviation of the step in log unit.
    """

    keyframes: int = 5000
    free_scale: bool = True
    seed: int = 0
    corridors: int = 8
    spacing: float = 8.0
    step: float = 0.4
    recent: int = 3
    loop_distance: float = 1.0
    loop_angle: float = 0.6
    max_loops: int = 2
    sigmas: tuple[float, ...] = (0.004, 0.004, 0.004, 0.01, 0.01, 0.01, 0.004)
    unit_sigma: float = 0.004


class Walk:
    """truth: S_world_keyframe (4, 4) each."""

    def __init__(self, options: WalkOptions) -> None:
        self.options = options
        self._rng = np.random.default_rng(options.seed)
        rigid = _poses(options, self._rng)
        steps = self._rng.normal(0, options.unit_sigma, len(rigid))
        units = np.exp(np.cumsum(steps) - steps[0]) if options.free_scale else np.ones(len(rigid))
        self.truth = [similarity(unit, T) for unit, T in zip(units, rigid, strict=True)]
        self._revisited = _revisited(rigid, options)

    def arriving(self) -> Iterator[list[Edge]]:
        """For each keyframe its edges from earlier ones, the odometry's first."""
        for j in range(len(self.truth)):
            recent = range(max(0, j - 1 - self.options.recent), j - 1)
            pairs = [(j - 1, EdgeKind.ODOMETRY)] if j else []
            pairs += [(i, EdgeKind.COVISIBILITY) for i in recent]
            pairs += [(i, EdgeKind.LOOP) for i in self._revisited[j]]
            yield [self._measured(i, j, kind) for i, kind in pairs]

    def _measured(self, i: int, j: int, kind: EdgeKind) -> Edge:
        sigmas = np.array(self.options.sigmas) * (1.0 if kind == EdgeKind.ODOMETRY else 0.5)
        xi = sigmas * self._rng.standard_normal(7)
        if not self.options.free_scale:
            xi[6] = 0.0
        S_i_j = inverse_similarity(self.truth[i]) @ self.truth[j] @ exp_sim3(xi)
        return Edge(i, j, S_i_j, np.diag(sigmas**-2), kind)


def _poses(options: WalkOptions, rng: np.random.Generator) -> list[np.ndarray]:
    """T_world_keyframe; the camera looks where it walks and sways a little."""
    headings = np.array([[1, 0], [0, 1], [-1, 0], [0, -1]])
    corner, heading = np.array([options.corridors // 2] * 2), 0
    steps = round(options.spacing / options.step)
    poses: list[np.ndarray] = []
    while len(poses) < options.keyframes:
        ways = [
            h
            for h in range(4)
            if (h - heading) % 4 != 2
            and np.all((corner + headings[h] >= 0) & (corner + headings[h] < options.corridors))
        ]
        heading = int(rng.choice(ways))
        for k in range(steps):
            place = (corner + headings[heading] * k / steps) * options.spacing
            offset = np.array([*place, 0.0]) + rng.normal(0, 0.05, 3)
            turn = np.array([0, 0, heading * np.pi / 2, 0, 0, 0, 0]) + [
                *rng.normal(0, 0.05, 3),
                *np.zeros(4),
            ]
            poses.append(pose(exp_sim3(turn)[:3, :3], offset))
        corner = corner + headings[heading]
    first = inverse_similarity(poses[0])
    return [first @ T for T in poses[: options.keyframes]]


def _revisited(poses: list[np.ndarray], options: WalkOptions) -> list[list[int]]:
    """For each keyframe the nearest earlier ones that looked the same way, at most max_loops."""
    places = np.array([T[:3, 3] for T in poses])
    near = cKDTree(places).query_ball_point(places, options.loop_distance)
    revisited = []
    for j, others in enumerate(near):
        earlier = [i for i in others if i < j - 10]
        facing = [i for i in earlier if _angle(poses[i], poses[j]) < options.loop_angle]
        facing.sort(key=lambda i: float(np.linalg.norm(places[i] - places[j])))
        revisited.append(facing[: options.max_loops])
    return revisited


def _angle(T_a: np.ndarray, T_b: np.ndarray) -> float:
    trace = float(np.sum(T_a[:3, :3] * T_b[:3, :3]))
    return float(np.arccos(np.clip((trace - 1) / 2, -1, 1)))
