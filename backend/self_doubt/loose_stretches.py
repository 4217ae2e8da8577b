"""Which keyframes does the pose graph itself know badly?

A step that only the motion before it bears out, or a wall along which views slide, contradicts
nothing: the map may be off there by what its edges say that they may be. Only the covariance tells,
after all other ways around.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Final

import gtsam
import numpy as np

from mapper.backend.global_map import GlobalMap
from mapper.backend.graph.edge import Edge
from mapper.backend.graph.graph_solver import HELD_SIGMA, EdgeFactors, values_of
from mapper.backend.graph.pose_graph import PoseGraph
from mapper.backend.self_doubt.sides import stretches
from mapper.core.sim3 import inverse_similarity

LOOSE: Final = 0.15  # units: one standard deviation in the worst direction, from which on it counts
LOOSE_SHARE: Final = 0.03  # of the way to where it is seen from: any chain drifts
ASKED: Final = 200  # keyframes at most, spread over all of them


@dataclass(frozen=True, slots=True)
class LooseStretch:
    """start, end, against: timestamps [s], of its keyframes' first and last frame and of the
    keyframe from which it is seen. sigma: units, standard deviation of the place of the keyframe
    that is known worst, in its worst direction; sigma_deg: of its rotation."""

    start: float
    end: float
    against: float
    sigma: float
    sigma_deg: float


def loose_stretches(final: GlobalMap, graph: PoseGraph) -> list[LooseStretch]:
    """In the order of time. final: at the graph's optimum.

    Seen from the keyframe in the middle: where a single step is loose, that is on the longer side.
    Nothing is said where scales are free, as the steps of a network say too little of themselves,
    nor where something else than edges holds the map.
    """
    poses = final.fused_poses
    ids = sorted(poses)
    if graph.free_scale or final.was_tied or len(ids) < 2:
        return []
    base = ids[len(ids) // 2]
    edges = [edge for edge in graph.edges_among(ids) if graph.is_inlier(edge)]
    found = {k: _sigmas(each) for k, each in _covariances(poses, edges, base).items()}
    loose = [k for k, (sigma, _) in found.items() if sigma >= _limit(poses[base], poses[k])]
    by_id = {keyframe.id: keyframe for keyframe in final.keyframes}
    told = []
    for run in stretches(sorted(found), loose):
        sigma, sigma_deg = max(found[k] for k in run)
        start, end = by_id[run[0]].timestamp, by_id[run[-1]].frames[-1].timestamp
        told.append(LooseStretch(start, end, by_id[base].timestamp, sigma, sigma_deg))
    return told


def _covariances(
    poses: Mapping[int, np.ndarray], edges: Collection[Edge], base: int
) -> dict[int, np.ndarray]:
    """(6, 6) of right-multiplied tangents, rotation first, of keyframes seen from `base`; none
    of those that the edges do not tie to it."""
    factors = EdgeFactors(free_scale=False)
    graph = gtsam.NonlinearFactorGraph()
    still = gtsam.noiseModel.Isotropic.Sigma(6, HELD_SIGMA)
    graph.add(factors.group.prior(base, factors.group.wrap(poses[base]), still))
    tied = _tied_to(base, edges)
    for edge in edges:
        if edge.i in tied:
            graph.add(factors.of(edge))
    ids = sorted(tied)
    values = values_of({k: poses[k] for k in ids}, factors.group)
    try:
        marginals = gtsam.Marginals(graph, values)
    except RuntimeError:  # an edge that knows next to nothing of a direction
        return {}
    every = -(-len(ids) // ASKED)
    return {k: np.asarray(marginals.marginalCovariance(k)) for k in ids[::every]}


def _tied_to(base: int, edges: Collection[Edge]) -> set[int]:
    neighbours: dict[int, list[int]] = {}
    for edge in edges:
        neighbours.setdefault(edge.i, []).append(edge.j)
        neighbours.setdefault(edge.j, []).append(edge.i)
    reached, waiting = {base}, [base]
    while waiting:
        new = set(neighbours.get(waiting.pop(), ())) - reached
        reached |= new
        waiting += new
    return reached


def _sigmas(covariance: np.ndarray) -> tuple[float, float]:
    """Of the place [units] and of the rotation [degrees], each in its worst direction."""
    place = float(np.linalg.eigvalsh(covariance[3:, 3:])[-1])
    rotation = float(np.linalg.eigvalsh(covariance[:3, :3])[-1])
    return float(np.sqrt(max(place, 0.0))), float(np.degrees(np.sqrt(max(rotation, 0.0))))


def _limit(S_world_base: np.ndarray, S_world_keyframe: np.ndarray) -> float:
    away = (inverse_similarity(S_world_base) @ S_world_keyframe)[:3, 3]
    return max(LOOSE, LOOSE_SHARE * float(np.linalg.norm(away)))
