"""Whether what is known tells a map's unit at all: much fits any map, and then proves nothing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

import numpy as np

from mapper.backend.graph.prior_solver import TieProblem, TieSolution, solve_tied
from mapper.backend.graph.priors import LengthPrior
from mapper.backend.keyframes.keyframe import Keyframe
from mapper.core.sim3 import scale_of

FEWEST_PLACES: Final = 5  # positions without rotations: three fit almost any three of the map
MAX_UNCERTAINTY: Final = 0.1  # of the scale by odometry: of a way that stands still it is anything
# Squared sigmas that a length may move the edges by, against another. Right ones do so by up to 30
# where a map's scale sinks by 1 % a keyframe, and twofold contradictions there by 46 to 61.
MAX_PULL: Final = 36.0
DEPTHS_M: Final = (0.005, 500.0)  # of what a camera sees: beyond them the unit is another


def undecided(
    problem: TieProblem,
    solution: TieSolution,
    keyframes: Sequence[Keyframe],
    strain_before: float,
) -> str:
    """The first reason why the map's unit could as well be another; empty where there is none."""
    return (
        _few_places(problem)
        or _odometry_stands_still(problem, solution)
        or _pulled_apart(problem, solution, strain_before)
        or _no_size_of_a_place(problem, solution, keyframes)
    )


def _few_places(problem: TieProblem) -> str:
    for number, source in enumerate(problem.priors.sources):
        mine = [prior for prior in problem.priors.poses if prior.source == number]
        has_turns = any(prior.R_source_camera is not None for prior in mine)
        if not has_turns and len(mine) < FEWEST_PLACES:
            return (
                f"{source.name}: {len(mine)} places are of moments when the camera was placed, and "
                f"so few fit other maps too; {FEWEST_PLACES} are needed"
            )
    return ""


def _odometry_stands_still(problem: TieProblem, solution: TieSolution) -> str:
    """A map shrinks to a point where odometry stands still, and then fits it. The scale is known to
    one over the length of all steps as a vector of sigmas."""
    motions = problem.priors.motions
    if not motions or problem.is_metric:
        return ""
    unit = float(scale_of(solution.anchors[problem.metre]))
    ways = []
    for each in motions:
        first = solution.poses[each.i] @ each.S_i_camera
        second = solution.poses[each.j] @ each.S_j_camera
        ways.append(float(np.linalg.norm((second - first)[:3, 3])) / unit)
    in_sigmas = np.array(ways) / [each.sigmas[3] for each in motions]
    if 1 / np.sqrt((in_sigmas**2).sum() + 1e-12) <= MAX_UNCERTAINTY:
        return ""
    return (
        f"{motions[0].name}: it hardly moves ({sum(ways):.2g} m in all), which does not tell how "
        "large the map is"
    )


def _pulled_apart(problem: TieProblem, solution: TieSolution, strain_before: float) -> str:
    """Two lengths that contradict each other are both met by a map whose scale drifts enough
    between them. Each but the first may pull at the edges, by what these leave open."""
    priors = problem.priors
    lengths = [each for each in priors.measured if isinstance(each, LengthPrior)]
    if len(lengths) < 2 or len(lengths) < len(priors.measured) or priors.poses or priors.motions:
        return ""
    if priors.ups:  # which pull at the edges too, and are right to
        problem = replace(problem, priors=replace(priors, ups=()))
        solution = solve_tied(problem)
    freedom = problem.factors.group.dof * len(problem.edges)
    pull = (solution.strain - strain_before) * freedom / (len(lengths) - 1)
    if pull <= MAX_PULL:
        return ""
    names = ", ".join(dict.fromkeys(each.name for each in lengths))
    return (
        f"{names}: they contradict each other, unless the map's scale drifts by {np.sqrt(pull):.0f}"
        " times what its views leave open; measure them again, or give one alone"
    )


def _no_size_of_a_place(
    problem: TieProblem, solution: TieSolution, keyframes: Sequence[Keyframe]
) -> str:
    """Depths of kilometres or millimetres: of a map in another unit than was said."""
    anchor = solution.anchors.get(problem.metre)
    if anchor is None or problem.is_metric:
        return ""
    unit = float(scale_of(anchor))
    depths = [k.median_depth * float(scale_of(solution.poses[k.id])) / unit for k in keyframes]
    depth = float(np.median(depths))
    if DEPTHS_M[0] <= depth <= DEPTHS_M[1]:
        return ""
    priors = problem.priors
    names = [s.name for s in priors.sources if s.is_metric]
    names += [each.name for each in (*priors.measured, *priors.motions)]
    return (
        f"{', '.join(dict.fromkeys(names))}: by it the camera saw things {depth:.2g} m away in the "
        "middle; is it in metres?"
    )
