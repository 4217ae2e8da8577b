"""Ties a map to what is known from elsewhere, or leaves it as it is, with a sentence why."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from mapper.backend.graph.edge import Edge, EdgeKind
from mapper.backend.graph.graph_solver import EdgeFactors, squared_distances
from mapper.backend.graph.pose_graph import PoseGraph
from mapper.backend.graph.prior_factors import measured_metres
from mapper.backend.graph.prior_solver import (
    FIRST_TAG,
    TAG_UNIT,
    TieProblem,
    TieSolution,
    metre_anchor,
    solve_tied,
    upright_anchor,
)
from mapper.backend.graph.priors import LengthPrior, Priors, ScalePrior
from mapper.backend.keyframes.keyframe import Keyframe
from mapper.backend.priors.certainty import undecided
from mapper.backend.priors.fit import compared, fitted_anchor
from mapper.backend.priors.gravity import turned_upright, upright_start
from mapper.backend.priors.knowledge import Knowledge, Tie
from mapper.backend.priors.motions import metre_of
from mapper.backend.priors.verdict import accounts, refusal
from mapper.core.sim3 import inverse_similarity, rigid_part, scale_of, similarity


@dataclass(frozen=True, slots=True, eq=False)
class TiedMap:
    """tie: how. poses: S_world_keyframe, in the new world. S_new_old: (4, 4), what else hung in
    the old world is to be moved by; the identity where the tie was refused."""

    tie: Tie
    poses: dict[int, np.ndarray]
    S_new_old: np.ndarray


@dataclass(frozen=True, slots=True)
class TieTask:
    """keyframes: of the connected map. poses: where they are by the edges alone. edges: between
    them. graph: whose settings count; it is not touched."""

    keyframes: Sequence[Keyframe]
    poses: Mapping[int, np.ndarray]
    edges: Sequence[Edge]
    graph: PoseGraph


def tie(task: TieTask, known: Knowledge) -> TiedMap:
    """Poses at which edges and knowledge agree best, in the world of the first source."""
    unmoved = dict(task.poses)
    known, why = known.with_clocks(task.keyframes, task.poses)
    priors = known.priors(task.keyframes)
    if why := why or _nothing_to_tie(known, priors):
        return TiedMap(Tie(refused=why), unmoved, np.eye(4))
    task, priors = _with_tags(task, priors)
    sources = [
        compared(
            [p for p in priors.poses if p.source == number],
            task.poses,
            is_upright=readings.origin is not None,
        )
        for number, readings in enumerate(known.readings)
    ]
    anchors = {number: fitted_anchor(both) for number, both in enumerate(sources)}
    metre = metre_anchor(priors)
    if metre not in anchors and (priors.measured or priors.motions):
        anchors[metre] = _metre_alone(priors, task.poses)
    if priors.ups:
        anchors.setdefault(upright_anchor(priors), upright_start(priors.ups, task.poses))
    problem = _problem(task, priors, anchors)
    solution = solve_tied(problem)
    strain = _strain(problem)
    why = refusal(problem, solution, sources, strain)
    if why := why or undecided(problem, solution, task.keyframes, strain):
        return TiedMap(Tie(refused=why), unmoved, np.eye(4))
    S_new_old = inverse_similarity(_new_world(known, problem, solution))
    origin = next((r.origin for r in known.readings if r.origin is not None), None)
    is_metric = problem.is_metric or metre in anchors
    has_place = any(r.positions is not None for r in known.readings)
    is_upright = origin is not None or (bool(priors.ups) and not has_place)
    return TiedMap(
        Tie("", is_metric, origin, accounts(problem, solution), is_upright),
        {k: _clean(S_new_old @ solution.poses[k]) for k in unmoved},
        S_new_old,
    )


def with_relative_poses(edges: Sequence[Edge], poses: Mapping[int, np.ndarray]) -> list[Edge]:
    """Edges between keyframes that something better than them has placed since: as certain as they
    were, of what is now between their ends."""
    return [
        replace(e, S_i_j=_clean(inverse_similarity(poses[e.i]) @ poses[e.j]))
        for e in edges
        if e.i in poses and e.j in poses
    ]


def _nothing_to_tie(known: Knowledge, priors: Priors) -> str:
    told = {prior.source for prior in priors.poses}
    for number, readings in enumerate(known.readings):
        if number not in told:
            return f"{readings.name}: no reading is of a moment when the camera was placed"
    for readings in known.odometry:
        if not any(motion.name == readings.name for motion in priors.motions):
            return f"{readings.name}: no two readings are of moments when the camera was placed"
    for seen in known.gravity:
        if not any(up.name == seen.name for up in priors.ups):
            return f"{seen.name}: no reading is of a moment when the camera was placed"
    if len(priors.measured) < len(known.measured):
        return "a length that is known is of a keyframe that is no part of the map"
    return ""


def _with_tags(task: TieTask, priors: Priors) -> tuple[TieTask, Priors]:
    """With the tags that were seen as nodes of the graph, whose unit is the metre."""
    poses, edges = dict(task.poses), list(task.edges)
    units: dict[int, ScalePrior] = {}
    for seen in priors.sightings:
        node = FIRST_TAG + seen.tag
        poses.setdefault(node, _clean(poses[seen.keyframe] @ seen.S_keyframe_tag))
        units.setdefault(node, ScalePrior(seen.name, node, 0.0, TAG_UNIT))
        edge = Edge(seen.keyframe, node, seen.S_keyframe_tag, seen.information, EdgeKind.LOOP)
        edges.append(edge)
    measured = (*priors.measured, *units.values())
    return replace(task, poses=poses, edges=edges), replace(priors, measured=measured)


def _problem(task: TieTask, priors: Priors, anchors: Mapping[int, np.ndarray]) -> TieProblem:
    graph = task.graph
    return TieProblem(
        task.poses,
        task.edges,
        priors,
        anchors,
        EdgeFactors(graph.free_scale),
        graph.max_sigmas**2,
        graph.config.robust_scale,
        not graph.free_scale,
    )


def _strain(problem: TieProblem) -> float:
    """Mean squared distance of the edges that agree, by degree of freedom, before."""
    if not problem.edges:
        return 0.0
    distances = squared_distances(problem.poses, list(problem.edges), problem.factors)
    trusted = np.array([edge.kind.is_trusted for edge in problem.edges])
    agrees = trusted | (distances <= problem.max_squared_distance)
    return float(np.mean(distances[agrees]) / problem.factors.group.dof)


def _metre_alone(priors: Priors, poses: Mapping[int, np.ndarray]) -> np.ndarray:
    """S_world_metre (4, 4): its scale is the middle of what is said."""
    units = [] if priors.measured else [metre_of(priors.motions, poses)]
    for each in priors.measured:
        if isinstance(each, LengthPrior):
            units.append(measured_metres(each, poses[each.i], poses[each.j], 1.0) / each.metres)
        else:
            units.append(float(scale_of(poses[each.keyframe])) / np.exp(each.log_metres))
    return similarity(float(np.median(units)), np.eye(4))


def _new_world(known: Knowledge, problem: TieProblem, solution: TieSolution) -> np.ndarray:
    """S_old_new (4, 4): the world of the first source that lies on the Earth, else of the first
    that knows positions, else the old one, upright where that is known; in metres where these are
    known. A map that is in metres already keeps its size."""
    placed = [n for n, r in enumerate(known.readings) if r.origin is not None]
    placed += [n for n, r in enumerate(known.readings) if r.positions is not None]
    T = rigid_part(solution.anchors[placed[0]]) if placed else np.eye(4)
    if not placed and problem.priors.ups:
        T[:3, :3] = turned_upright(rigid_part(solution.anchors[problem.upright])[:3, 2])
    if problem.is_metric:
        return T
    unit = problem.metre if problem.metre in solution.anchors else placed[0] if placed else None
    return T if unit is None else similarity(float(scale_of(solution.anchors[unit])), T)


def _clean(S: np.ndarray) -> np.ndarray:
    """Of what a product of many lacks of being a similarity."""
    return similarity(float(scale_of(S)), rigid_part(S))
