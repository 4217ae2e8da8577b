"""Whether a map and what is said of it can both be right; if not, a sentence why."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import numpy as np

from mapper.backend.graph.motion_factors import motion_residual
from mapper.backend.graph.prior_factors import measured_metres
from mapper.backend.graph.prior_solver import FIRST_TAG, TieProblem, TieSolution
from mapper.backend.graph.priors import LengthPrior, Measured
from mapper.backend.priors.conventions import other_convention
from mapper.backend.priors.fit import Compared
from mapper.backend.priors.gravity import agreeing_ups, other_up, upside_down
from mapper.core.sim3 import inverse_similarity, scale_of

MOST: Final = 0.5  # of a source's readings have to agree with the map
MOST_TRACKED: Final = 0.8  # ... of one that does not jump now and then
FEWEST: Final = 3  # readings have to agree, whatever their share
MAX_UNCERTAINTY: Final = 0.1  # of the scale by a source: one that stands still does not tell it
OTHER_SCALE: Final = 0.1  # share by which a depth camera is not wrong about the metre
CONTRADICTED: Final = 3.0  # sigmas by which a length is off where it contradicts another one
STEP_LIMIT: Final = 22.5  # squared sigmas of six numbers, which one right step in 1000 exceeds
BENT: Final = 0.05  # share of the edges that the map gave up for what was said of it
STRAIN: Final = 4.0  # mean squared distance of the edges by degree of freedom, against before: at
# least one. A map that drifts as its edges say is moved by one more.


def refusal(
    problem: TieProblem, solution: TieSolution, sources: Sequence[Compared], strain_before: float
) -> str:
    """The first reason not to believe the tied map; empty where there is none."""
    if solution.fault:
        return f"the pose graph could not be solved with it: {solution.fault}"
    for number, both in enumerate(sources):
        name = problem.priors.sources[number].name
        why = (
            other_convention(both)
            or _elsewhere(problem, solution, number)
            or upside_down(problem, solution, number)
            or _standing_still(problem, solution, number)
        )
        if why:
            return f"{name}: {why}"
    return (
        _other_unit(problem, solution)
        or other_up(problem, solution)
        or _contradiction(problem, solution)
        or _disagreement(problem, solution)
        or _bent(problem, solution, strain_before)
    )


def accounts(problem: TieProblem, solution: TieSolution) -> tuple[dict[str, Any], ...]:
    """For the metrics: of each source, length and kind of tag how much was known of the map, and
    how much of that agrees."""
    found = [_account(problem, solution, number) for number in range(len(problem.priors.sources))]
    of_tags = _of_tags(problem)
    for name, off in _measured_sigmas(problem, solution).items():
        found.append({"name": name, "readings": len(off), "agreeing": int(_agree(off).sum())})
    for name, agreeing in _motions(problem, solution).items():
        found.append({"name": name, "readings": len(agreeing), "agreeing": int(agreeing.sum())})
    for name, agreeing in agreeing_ups(problem, solution).items():
        count = {"readings": len(agreeing), "agreeing": int(agreeing.sum())}
        found.append({"name": name, **count, "tells": "up"})
    if of_tags.any():
        seen, kept = int(of_tags.sum()), int(solution.kept[of_tags].sum())
        found.append({"name": "tags", "readings": seen, "agreeing": kept})
    return tuple(found)


def _account(problem: TieProblem, solution: TieSolution, number: int) -> dict[str, Any]:
    mine = _of(problem, number)
    return {
        "name": problem.priors.sources[number].name,
        "readings": int(mine.sum()),
        "agreeing": int(solution.agrees[mine].sum()),
        "units_per_unit": float(scale_of(solution.anchors[number])),
    }


def _of_tags(problem: TieProblem) -> np.ndarray:
    """bool (E,): which edges are sightings of tags."""
    return np.array([edge.j >= FIRST_TAG for edge in problem.edges], bool)


def _measured_sigmas(problem: TieProblem, solution: TieSolution) -> dict[str, np.ndarray]:
    """By name, how many sigmas (N,) the lengths and scales of keyframes are off."""
    found: dict[str, list[float]] = {}
    for measured in problem.priors.measured:
        if isinstance(measured, LengthPrior) or measured.keyframe < FIRST_TAG:
            unit = float(scale_of(solution.anchors[problem.metre]))
            off = _off(measured, solution, unit) / measured.sigma
            found.setdefault(measured.name, []).append(off)
    return {name: np.array(off) for name, off in found.items()}


def _motions(problem: TieProblem, solution: TieSolution) -> dict[str, np.ndarray]:
    """By name, which steps (N,) of odometry agree."""
    found: dict[str, list[bool]] = {}
    for each in problem.priors.motions:
        unit = float(scale_of(solution.anchors[problem.metre]))
        off = motion_residual(each, solution.poses[each.i], solution.poses[each.j], unit)
        found.setdefault(each.name, []).append(bool(off @ off <= STEP_LIMIT))
    return {name: np.array(agreeing) for name, agreeing in found.items()}


def _agree(sigmas: np.ndarray) -> np.ndarray:
    return np.asarray(np.abs(sigmas) <= CONTRADICTED)


def _of(problem: TieProblem, number: int) -> np.ndarray:
    return np.array([prior.source == number for prior in problem.priors.poses], bool)


def _elsewhere(problem: TieProblem, solution: TieSolution, number: int) -> str:
    mine = _of(problem, number)
    agreeing, count = int(solution.agrees[mine].sum()), int(mine.sum())
    most = MOST_TRACKED if problem.priors.sources[number].drifts else MOST
    if agreeing >= most * count and agreeing >= min(FEWEST, count):
        return ""
    return (
        f"{agreeing} of {count} readings agree with the map; is it of another place or another "
        "time, or is it less certain than was said?"
    )


def _standing_still(problem: TieProblem, solution: TieSolution, number: int) -> str:
    """A similarity can shrink a map to a point: then a source that stands still fits any map.

    The scale is known to one over the length of the way that the map fits to the source, as a
    vector of sigmas.
    """
    to_source = inverse_similarity(solution.anchors[number])
    mine = [p for p in problem.priors.poses if p.source == number and p.position is not None]
    if not mine:
        return ""
    positions = np.array(
        [(to_source @ solution.poses[p.keyframe] @ p.S_keyframe_camera[:, 3])[:3] for p in mine]
    )
    weights = np.array([p.weight / p.sigmas**2 for p in mine])
    away = positions - (weights * positions).sum(0) / weights.sum(0)
    uncertainty = 1 / np.sqrt((weights * away**2).sum() + 1e-12)
    if uncertainty <= MAX_UNCERTAINTY:
        return ""
    return (
        f"its positions tell neither scale nor place: over {2 * np.abs(away).max():.2g} units of "
        f"way they are known to {1 / float(np.sqrt(np.median(weights[:, 0]))):.2g}"
    )


def _other_unit(problem: TieProblem, solution: TieSolution) -> str:
    """Of a map that is in metres already."""
    if not problem.is_metric or problem.metre >= len(problem.priors.sources):
        return ""
    scale = float(scale_of(solution.anchors[problem.metre]))
    if abs(np.log(scale)) <= np.log1p(OTHER_SCALE):
        return ""
    name = problem.priors.sources[problem.metre].name
    return (
        f"{name}: by it the map would be {1 / scale:.3g} times as large, but it is in metres "
        "already; in which unit are its positions?"
    )


def _contradiction(problem: TieProblem, solution: TieSolution) -> str:
    """Of lengths and scales: what the map says of each, where it contradicts one."""
    certain = [m for m in problem.priors.measured if isinstance(m, LengthPrior) or m.is_certain]
    if not certain:
        return ""
    unit = float(scale_of(solution.anchors[problem.metre]))
    off = [(_off(m, solution, unit), m) for m in certain]
    worst, said = max(off, key=lambda each: abs(each[0]) / each[1].sigma)
    if abs(worst) <= CONTRADICTED * said.sigma:
        return ""
    return (
        f"{said.name} contradicts the rest of what is known: with all of it the map makes it "
        f"{abs(np.expm1(worst)):.0%} {'longer' if worst > 0 else 'shorter'} than was said"
    )


def _disagreement(problem: TieProblem, solution: TieSolution) -> str:
    """Of what is known many times over, some of it wrong."""
    for name, off in _measured_sigmas(problem, solution).items():
        if _agree(off).sum() < MOST * len(off):
            return (
                f"{name}: {int(_agree(off).sum())} of {len(off)} keyframes agree with one scale; "
                "it is not the same everywhere, or not what was measured"
            )
    for name, agreeing in _motions(problem, solution).items():
        if agreeing.sum() < MOST_TRACKED * len(agreeing):
            return (
                f"{name}: {int(agreeing.sum())} of {len(agreeing)} steps agree with the map; is it "
                "the camera's way, of this time, in metres, or less certain than was said?"
            )
    of_tags = _of_tags(problem)
    kept = int(solution.kept[of_tags].sum())
    if kept >= MOST * of_tags.sum():
        return ""
    return (
        f"tags: {kept} of {int(of_tags.sum())} sightings agree with the map; is each tag put up "
        "once, does it stay where it is, and is its size right?"
    )


def _off(measured: Measured, solution: TieSolution, unit: float) -> float:
    """Logarithm of what the map makes of it, against what was said."""
    poses = solution.poses
    if isinstance(measured, LengthPrior):
        metres = measured_metres(measured, poses[measured.i], poses[measured.j], unit)
        return float(np.log(metres / measured.metres))
    return float(np.log(scale_of(poses[measured.keyframe]) / unit) - measured.log_metres)


def _bent(problem: TieProblem, solution: TieSolution, strain_before: float) -> str:
    given_up = solution.dropped / max(len(problem.edges), 1)
    strain = solution.strain / max(strain_before, 1.0)
    if given_up <= BENT and strain <= STRAIN:
        return ""
    names = [source.name for source in problem.priors.sources]
    names += [told.name for told in (*problem.priors.measured, *problem.priors.ups)]
    return (
        f"{', '.join(dict.fromkeys(names))}: the map would have to be bent more than its own views "
        f"allow ({given_up:.0%} of its edges given up, the others {strain:.1f} times as strained)"
    )
