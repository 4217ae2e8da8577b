"""Which way is up by what other sensors say: put to keyframes, its start, and whether it can be."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import permutations, product
from typing import Final

import numpy as np
from scipy.spatial.transform import Rotation

from mapper.backend.graph.gravity_factors import tilt_sigmas
from mapper.backend.graph.prior_solver import TieProblem, TieSolution
from mapper.backend.graph.priors import UpPrior
from mapper.backend.priors.attachment import PlacedFrames, between, bracket
from mapper.core.pose_readings import GravityReadings
from mapper.core.sim3 import rigid_part

TOGETHER: Final = 5.0  # readings of a tenth of a second are of one push of the camera
LIMIT: Final = 3.717  # sigmas of two numbers, which one right direction in 1000 exceeds
MOST: Final = 0.5  # of the directions have to agree with the map
TURNED_DEG: Final = 30.0  # from most others: a direction that is wrong
TRIED: Final = 100  # directions, as what most of them agree about
HELD_DEG: Final = 60.0  # from the image's top: so far an upright camera never is, on average
OVERTURNED_DEG: Final = 120.0  # ... and so far no camera is that looks down
AXES_DEG: Final = 8.0  # that directions may be off where the axes are right
CLEARLY: Final = 0.5  # of that: so much better other axes must fit
AXES: Final = ("x", "y", "z")


def attached_ups(readings: GravityReadings, placed: PlacedFrames) -> list[UpPrior]:
    """One of each stretch of frames within a keyframe: the mean of its readings, each turned by
    how the camera stood at its moment, in the axes of the camera in the middle."""
    stretches: dict[int, list[tuple[int, np.ndarray, np.ndarray]]] = {}
    for time, up in zip(readings.times, readings.up, strict=True):
        at = bracket(placed, float(time))
        if at is None:
            continue
        R = rigid_part(between(placed, *at))[:3, :3]
        keyframe = int(placed.keyframe[at[0]])
        stretches.setdefault(int(placed.stretch[at[0]]), []).append((keyframe, R, R @ up))
    return [_mean_up(readings, rows) for rows in stretches.values()]


def _mean_up(
    readings: GravityReadings, rows: Sequence[tuple[int, np.ndarray, np.ndarray]]
) -> UpPrior:
    """rows: keyframe, R_keyframe_camera and up in the keyframe, of each reading."""
    keyframe, R, _ = rows[len(rows) // 2]
    seen = np.array([up for _, _, up in rows])
    mean = seen.mean(axis=0)
    mean /= max(float(np.linalg.norm(mean)), 1e-9)
    spread = float(np.sqrt(np.mean(_angles(seen, mean) ** 2)))
    spread /= np.sqrt(max(len(rows) / TOGETHER, 1.0))
    sigma = float(np.hypot(np.radians(readings.sigma_deg), spread))
    return UpPrior(readings.name, keyframe, R, R.T @ mean, sigma, readings.axes_are_told)


def upright_start(ups: Sequence[UpPrior], poses: Mapping[int, np.ndarray]) -> np.ndarray:
    """S_world_upright (4, 4), whose third axis is what most call up. poses: S_world_keyframe."""
    S = np.eye(4)
    S[:3, :3] = turned_upright(_most(_in_world(ups, poses)))
    return S


def turned_upright(up: np.ndarray) -> np.ndarray:
    """R_old_new (3, 3) of a world whose z is `up` (3,), which is turned as little as can be.

    From one whose z is up already; else from one that lies as the first camera does, so that x is
    to the right and y ahead.
    """
    as_camera = np.array([[1.0, 0, 0], [0, 0, -1], [0, 1, 0]])
    base = max((np.eye(3), as_camera), key=lambda R: float(R[:, 2] @ up))
    z = base[:, 2]
    axis, cosine = np.cross(z, up), float(z @ up)
    sine = float(np.linalg.norm(axis))
    if sine < 1e-12:
        axis, sine = base[:, 0], 1.0
    turn = Rotation.from_rotvec(axis / sine * np.arctan2(np.linalg.norm(np.cross(z, up)), cosine))
    return np.asarray(turn.as_matrix() @ base)


def other_up(problem: TieProblem, solution: TieSolution) -> str:
    """Why what is said of up cannot be right; empty where it can. By each source's own words."""
    ups = problem.priors.ups
    if not ups:
        return ""
    A = solution.anchors[problem.upright]
    for name in dict.fromkeys(prior.name for prior in ups):
        mine = [prior for prior in ups if prior.name == name]
        off = tilt_sigmas(mine, solution.poses, A, solution.mounts)
        agreeing = int((off <= LIMIT).sum())
        if agreeing < MOST * len(mine):
            told = all(prior.axes_are_told for prior in mine)
            hint = "" if told else _other_axes(mine, problem.poses)
            return (
                f"{name}: {agreeing} of {len(mine)} directions that it calls up agree with the "
                "map; " + (hint or "is it of this camera, of this time, and in the camera's axes?")
            )
        if why := _not_as_held(mine, solution, A):
            return f"{name}: {why}"
    return ""


def upside_down(problem: TieProblem, solution: TieSolution, number: int) -> str:
    """Why a track of places cannot be right: one that is level is its own mirror image when it is
    turned over, and so is the map then."""
    mine = [prior for prior in problem.priors.poses if prior.source == number]
    told = problem.priors.ups or any(prior.R_source_camera is not None for prior in mine)
    if not problem.priors.sources[number].is_upright or told:
        return ""
    up = rigid_part(solution.anchors[number])[:3, 2]
    R = np.array([rigid_part(solution.poses[p.keyframe] @ p.S_keyframe_camera) for p in mine])
    angle = float(np.degrees(np.median(np.arccos(np.clip(-R[:, :3, 1] @ up, -1, 1)))))
    if angle <= OVERTURNED_DEG:
        return ""
    return (
        f"by it the camera was held upside down, up {angle:.0f} degrees from the images' tops; is "
        "it of another way, that leads to the left where this one does to the right? If the camera "
        "was held so, --gravity tells it"
    )


def agreeing_ups(problem: TieProblem, solution: TieSolution) -> dict[str, np.ndarray]:
    """By name, which directions (N,) agree."""
    ups = problem.priors.ups
    if not ups:
        return {}
    off = tilt_sigmas(ups, solution.poses, solution.anchors[problem.upright], solution.mounts)
    names = np.array([prior.name for prior in ups])
    return {str(name): off[names == name] <= LIMIT for name in dict.fromkeys(names.tolist())}


def _not_as_held(ups: Sequence[UpPrior], solution: TieSolution, A: np.ndarray) -> str:
    """A camera that turns about up alone fits what calls down up as well, and one that hardly
    turns fits any axes: where nobody told the axes, it is taken to be held upright."""
    if all(prior.axes_are_told for prior in ups):
        return ""
    tops = -_cameras(ups, solution.poses)[:, :, 1] @ rigid_part(A)[:3, 2]
    angle = float(np.degrees(np.median(np.arccos(np.clip(tops, -1, 1)))))
    if angle <= HELD_DEG:
        return ""
    return (
        f"by it up is {angle:.0f} degrees from the images' tops; if its axes are others than the "
        "camera's (x right, y down, z ahead, readings of +9.81 upward when at rest), "
        "--gravity-axes says which; if the camera was held so, --gravity-axes=x,y,z confirms it"
    )


def _other_axes(ups: Sequence[UpPrior], poses: Mapping[int, np.ndarray]) -> str:
    """Which axes of the sensor fit the camera's turns, where others than those do."""
    R = _cameras(ups, poses)
    seen = np.array([p.up for p in ups])
    off = {}
    for order in permutations(range(3)):
        for signs in product((1.0, -1.0), repeat=3):
            turned = np.einsum("nij,nj->ni", R, seen[:, order] * signs)
            words = ",".join(
                f"{'-' if sign < 0 else ''}{AXES[axis]}"
                for axis, sign in zip(order, signs, strict=True)
            )
            off[words] = float(np.degrees(np.median(_angles(turned, _most(turned)))))
    best = min(off.values())
    if off["x,y,z"] <= AXES_DEG or best > min(CLEARLY * off["x,y,z"], AXES_DEG):
        return ""
    fitting = [f"--gravity-axes={words}" for words, angle in off.items() if angle <= best + 1.0]
    return (
        f"the camera's turns fit with its axes as {' or '.join(fitting[:2])}, "
        f"{best:.1f} degrees off, where they are {off['x,y,z']:.0f} now"
    )


def _in_world(ups: Sequence[UpPrior], poses: Mapping[int, np.ndarray]) -> np.ndarray:
    """(N, 3)."""
    return np.einsum("nij,nj->ni", _cameras(ups, poses), np.array([p.up for p in ups]))


def _cameras(ups: Sequence[UpPrior], poses: Mapping[int, np.ndarray]) -> np.ndarray:
    """R_world_camera (N, 3, 3)."""
    return np.array([rigid_part(poses[p.keyframe])[:3, :3] @ p.R_keyframe_camera for p in ups])


def _most(directions: np.ndarray) -> np.ndarray:
    """The mean (3,) of those of the unit vectors (N, 3) that most others are near."""
    rows = np.linspace(0, len(directions) - 1, min(len(directions), TRIED)).astype(int)
    near = directions @ directions[rows].T > np.cos(np.radians(TURNED_DEG))
    mean = directions[near[:, int(np.argmax(near.sum(axis=0)))]].mean(axis=0)
    return np.asarray(mean / np.linalg.norm(mean))


def _angles(directions: np.ndarray, other: np.ndarray) -> np.ndarray:
    """Radians (N,) between unit vectors (N, 3) and another (3,)."""
    across = np.linalg.norm(np.cross(directions, other), axis=1)
    return np.asarray(np.arctan2(across, directions @ other))
