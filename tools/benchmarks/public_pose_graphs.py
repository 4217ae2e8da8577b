"""The public pose graphs in the gtsam wheel, as edges of ours: for benchmarks.

GTSAM keeps the rotation first in a tangent vector, g2o files the translation. GTSAM's reader swaps
the blocks of the information of EDGE_SE3:QUAT, but takes that of the older EDGE3 as it stands, so
that the first three numbers of its diagonal (10 in sphere2500) weigh the rotation. We read EDGE3
likewise: costs are then those that others report with GTSAM.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import gtsam
import numpy as np

from mapper.backend.graph.edge import Edge, EdgeKind
from mapper.core.geometry import pose

SPATIAL = ("sphere2500.txt", "sphere_smallnoise.graph")
PLANAR = ("w10000.graph", "w20000.txt")  # lifted: what leaves the plane weighs what is in it does
UPPER = np.triu_indices(6)


@dataclass(frozen=True, slots=True)
class PublicGraph:
    """poses: T_world_keyframe (4, 4) at the start, the file's or else those of the odometry.

    edges: between consecutive numbers odometry, all others loops.
    """

    name: str
    poses: dict[int, np.ndarray]
    edges: list[Edge]


def load_public(name: str) -> PublicGraph:
    path = Path(gtsam.findExampleDataFile(name))
    poses, edges = _lifted(path) if name in PLANAR else _spatial(path)
    return PublicGraph(path.stem, poses or _chained(edges), edges)


def kind_of(i: int, j: int) -> EdgeKind:
    return EdgeKind.ODOMETRY if abs(i - j) == 1 else EdgeKind.LOOP


def _spatial(path: Path) -> tuple[dict[int, np.ndarray], list[Edge]]:
    """VERTEX3 id and EDGE3 id id, then x y z roll pitch yaw; 21 numbers of information or none."""
    poses: dict[int, np.ndarray] = {}
    edges = []
    for words in (line.split() for line in path.read_text().splitlines()):
        if words[0] == "VERTEX3":
            poses[int(words[1])] = _pose(words[2:8])
            continue
        i, j = int(words[1]), int(words[2])
        information = np.eye(7)
        if len(words) > 9:
            upper = np.zeros((6, 6))
            upper[UPPER] = [float(word) for word in words[9:30]]
            information[:6, :6] = upper + np.triu(upper, 1).T
        edges.append(Edge(i, j, _pose(words[3:9]), information, kind_of(i, j)))
    return poses, edges


def _pose(words: list[str]) -> np.ndarray:
    x, y, z, roll, pitch, yaw = map(float, words)
    return pose(gtsam.Rot3.Ypr(yaw, pitch, roll).matrix(), np.array([x, y, z]))


def _lifted(path: Path) -> tuple[dict[int, np.ndarray], list[Edge]]:
    factors, values = gtsam.load2D(str(path))
    between: list[Any] = [factors.at(k) for k in range(factors.size())]
    edges = []
    for factor in between:
        planar = factor.noiseModel().R().T @ factor.noiseModel().R()  # x, y, heading
        information = np.diag([*[planar[2, 2]] * 3, *[planar[0, 0]] * 3, 1.0])
        rows = [3, 4, 2]
        information[np.ix_(rows, rows)] = planar
        i, j = factor.keys()
        edges.append(Edge(i, j, _lift(factor.measured()), information, kind_of(i, j)))
    return {k: _lift(values.atPose2(k)) for k in values.keys()}, edges


def _lift(planar: gtsam.Pose2) -> np.ndarray:
    R = gtsam.Rot3.Yaw(planar.theta()).matrix()
    return pose(R, np.array([planar.x(), planar.y(), 0.0]))


def _chained(edges: list[Edge]) -> dict[int, np.ndarray]:
    poses = {0: np.eye(4)}
    for edge in sorted(edges, key=lambda edge: edge.j):
        if edge.kind == EdgeKind.ODOMETRY and edge.j == edge.i + 1:
            poses.setdefault(edge.j, poses[edge.i] @ edge.S_i_j)
    return poses
