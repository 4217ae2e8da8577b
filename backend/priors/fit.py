"""Where a source's world is in the map, about: by the poses of both, of which many may be wrong."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from scipy.spatial.transform import Rotation

from mapper.backend.graph.priors import PosePrior
from mapper.core.geometry import pose, umeyama
from mapper.core.sim3 import rigid_part, similarity

TRIES: Final = 500
REFINED: Final = 10  # rounds of least squares over the half that fits best
STRAIGHT: Final = 0.05  # share of a way's length that it is wide
UNDECIDED: Final = 0.3  # of the cameras' mean direction up: less is no direction
TURNED_RAD: Final = np.radians(30)


@dataclass(frozen=True, slots=True, eq=False)
class Compared:
    """What the map and a source say of the same moments.

    T_world_camera: (N, 4, 4) by the map. positions: (N, 3) by the source, or None. rotations:
    (N, 3, 3) by the source, or None. sigma: (N,) of its positions. is_upright: z of the source's
    world is up.
    """

    T_world_camera: np.ndarray
    positions: np.ndarray | None
    rotations: np.ndarray | None
    sigma: np.ndarray
    is_upright: bool = False


def compared(
    priors: Sequence[PosePrior], poses: Mapping[int, np.ndarray], is_upright: bool = False
) -> Compared:
    """Of the priors of one source, which all tell the same. poses: S_world_keyframe."""
    S = np.array([poses[p.keyframe] @ p.S_keyframe_camera for p in priors]).reshape(-1, 4, 4)
    positions = [p.position for p in priors if p.position is not None]
    rotations = [p.R_source_camera for p in priors if p.R_source_camera is not None]
    return Compared(
        rigid_part(S),
        np.array(positions) if positions else None,
        np.array(rotations) if rotations else None,
        np.array([p.sigma for p in priors]),
        is_upright,
    )


def fitted_anchor(both: Compared) -> np.ndarray:
    """S_world_source (4, 4) that brings most of the source's poses to the map's."""
    if both.positions is None:
        assert both.rotations is not None
        S = np.eye(4)
        S[:3, :3] = _mean_turn(both)
        return S
    if both.rotations is not None:
        return _by_rotation(both, _mean_turn(both))
    S = _by_positions(both)
    return _rolled(S, both) if both.is_upright and _is_straight(both) else S


def _is_straight(both: Compared) -> bool:
    """A way along a line leaves open how it is turned about that."""
    assert both.positions is not None
    away = both.positions - np.median(both.positions, axis=0)
    along, across, _ = np.sqrt(np.linalg.eigvalsh(away.T @ away / len(away))[::-1].clip(0))
    return bool(across < max(STRAIGHT * along, 2 * float(np.median(both.sigma))))


def _rolled(S: np.ndarray, both: Compared) -> np.ndarray:
    """S_world_source turned about the way, so that the cameras are held as upright as can be."""
    assert both.positions is not None
    away = both.positions - np.median(both.positions, axis=0)
    line = np.linalg.svd(away, full_matrices=False)[2][0]
    R_source_world = S[:3, :3].T / np.linalg.norm(S[:3, 0])
    up = -(R_source_world @ both.T_world_camera[:, :3, 1].sum(axis=0))
    up -= (up @ line) * line
    vertical = np.array([0.0, 0.0, 1.0]) - line[2] * line
    if np.linalg.norm(up) < UNDECIDED * len(both.positions) or np.linalg.norm(vertical) < 0.1:
        return S  # they are held every way, or the way leads upward
    angle = np.arctan2(line @ np.cross(up, vertical), up @ vertical)
    turn = np.eye(4)
    turn[:3, :3] = Rotation.from_rotvec(angle * line).as_matrix()
    middle = np.median(both.positions, axis=0)
    turn[:3, 3] = middle - turn[:3, :3] @ middle
    return S @ np.linalg.inv(turn)


def _mean_turn(both: Compared) -> np.ndarray:
    """R_world_source (3, 3) that most of the rotations agree about."""
    assert both.rotations is not None
    turns = Rotation.from_matrix(both.T_world_camera[:, :3, :3] @ both.rotations.swapaxes(1, 2))
    best, most = np.eye(3), -1
    for row in np.linspace(0, len(turns) - 1, min(len(turns), 100)).astype(int):
        near = (turns[row].inv() * turns).magnitude() < TURNED_RAD
        if near.sum() > most:
            best, most = turns[near].mean().as_matrix(), int(near.sum())
    return best


def _by_rotation(both: Compared, R: np.ndarray) -> np.ndarray:
    """With a rotation that is known: scale and translation by samples of two positions."""
    assert both.positions is not None
    source, target = both.positions, both.T_world_camera[:, :3, 3]
    turned = source @ R.T
    rng = np.random.default_rng(0)
    best = _scaled(R, turned, target)
    least = _cost(best, source, target)
    for _ in range(TRIES if len(source) > 2 else 0):
        rows = rng.choice(len(source), 2, replace=False)
        S = _scaled(R, turned[rows], target[rows])
        if (cost := _cost(S, source, target)) < least:
            best, least = S, cost
    for _ in range(REFINED):
        away = _misses(best, source, target)
        near = away <= 2 * max(float(np.median(away)), 1e-12)
        S = _scaled(R, turned[near], target[near])
        if (cost := _cost(S, source, target)) >= least:
            break
        best, least = S, cost
    return best


def _scaled(R: np.ndarray, turned: np.ndarray, target: np.ndarray) -> np.ndarray:
    """S (4, 4) of least squares from points (n, 3), turned by R already, to others."""
    from_turned, from_target = turned - turned.mean(0), target - target.mean(0)
    spread, along = (from_turned**2).sum(), (from_turned * from_target).sum()
    scale = float(along / spread) if spread > 0 and along > 0 else 1.0
    return similarity(scale, pose(R, target.mean(0) - scale * turned.mean(0)))


def _by_positions(both: Compared) -> np.ndarray:
    """Samples of three; the one by whose similarity half of the positions come nearest."""
    assert both.positions is not None
    source, target = both.positions, both.T_world_camera[:, :3, 3]
    if len(source) < 3:
        S = np.eye(4)
        S[:3, 3] = target.mean(0) - source.mean(0)
        return S
    rng = np.random.default_rng(0)
    best, least = np.eye(4), np.inf
    for _ in range(TRIES):
        rows = rng.choice(len(source), 3, replace=False)
        scale, T = umeyama(source[rows], target[rows], with_scale=True)
        S = similarity(scale, T)
        cost = _cost(S, source, target)
        if cost < least:
            best, least = S, cost
    for _ in range(REFINED):
        away = _misses(best, source, target)
        near = away <= max(np.median(away), 1e-12) * 2
        if near.sum() < 3:
            break
        scale, T = umeyama(source[near], target[near], with_scale=True)
        if (cost := _cost(similarity(scale, T), source, target)) >= least:
            break
        best, least = similarity(scale, T), cost
    return best


def _misses(S: np.ndarray, source: np.ndarray, target: np.ndarray) -> np.ndarray:
    """(N,), in the source's units: what shrinks all of it to a point fits nothing."""
    inverse = np.linalg.inv(S)
    return np.linalg.norm(target @ inverse[:3, :3].T + inverse[:3, 3] - source, axis=1)


def _cost(S: np.ndarray, source: np.ndarray, target: np.ndarray) -> float:
    """Median, in the source's units; infinite where the similarity is none."""
    scale = np.linalg.norm(S[:3, 0])
    return float(np.median(_misses(S, source, target))) if scale > 1e-9 else np.inf
