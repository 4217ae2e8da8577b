"""What is wrong with a trajectory and a pose graph, by ground truth, and nothing aligned for it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

import numpy as np

from gauntlet.uncertainty import SIGMAS, sigmas
from mapper.backend.graph.edge import Edge
from mapper.core.geometry import inverse, umeyama

WRONG_METRES: Final = 0.10
WRONG_DEGREES: Final = 5.0
REVISIT_GAP: Final = 15  # frames; before, the neighbours tell
REVISIT_METRES: Final = 0.5
REVISIT_DEGREES: Final = 30.0
EDGE_METRES: Final = 0.05
EDGE_DEGREES: Final = 2.5


@dataclass(frozen=True, slots=True)
class Verdict:
    """Of one trajectory: ate (metres, after the best rigid alignment; NaN below 3 poses),
    rpe_translation (metres) and rpe_rotation (degrees), RMSE between placed frames that follow
    each other, and rows of the trajectory that are wrong though they were placed."""

    ate: float
    rpe_translation: float
    rpe_rotation: float
    wrong: list[int]


def judge(estimate: np.ndarray, truth: np.ndarray) -> Verdict:
    """Poses T_world_camera (N, 4, 4) of the placed frames, in one world, and the true ones."""
    if len(estimate) < 2:
        return Verdict(float("nan"), float("nan"), float("nan"), [])
    metres, degrees = differences(
        _steps(estimate, np.arange(len(estimate) - 1)), _steps(truth, np.arange(len(truth) - 1))
    )
    wrong = sorted({*_wrong_steps(estimate, truth), *_wrong_revisits(estimate, truth)})
    return Verdict(
        _ate(estimate, truth),
        float(np.sqrt(np.mean(metres**2))),
        float(np.sqrt(np.mean(degrees**2))),
        wrong,
    )


@dataclass(frozen=True, slots=True)
class EdgeError:
    """Of an edge against the truth. sigmas: by its own information."""

    kind: str
    metres: float
    degrees: float
    sigmas: float

    @property
    def is_off(self) -> bool:
        """By more than the bounds."""
        return self.metres > EDGE_METRES or self.degrees > EDGE_DEGREES

    @property
    def is_wrong(self) -> bool:
        """Off, and surer of itself than it may be."""
        return self.is_off and self.sigmas > SIGMAS


def edge_errors(edges: Iterable[Edge], true_poses: dict[int, np.ndarray]) -> list[EdgeError]:
    """Of the edges between keyframes whose place is known. true_poses: (4, 4), by their id."""
    found = []
    for edge in edges:
        if edge.i not in true_poses or edge.j not in true_poses:
            continue
        true = inverse(true_poses[edge.i]) @ true_poses[edge.j]
        metres, degrees = differences(edge.S_i_j[None], true[None])
        off = sigmas(inverse(edge.S_i_j) @ true, np.linalg.inv(edge.information[:6, :6]))
        found.append(EdgeError(edge.kind.value, float(metres[0]), float(degrees[0]), off))
    return found


def found_again(placed: np.ndarray, truth: np.ndarray, jump: int) -> int | None:
    """Frames after a break of the stream from the first that sees a known place to the first that
    is placed; None where none sees one. The number of all that follow where none is placed.

    placed: numbers (N,) of the frames in the map. truth: T_world_camera (M, 4, 4) of all frames.
    """
    frame = _seen_again(truth[placed[placed < jump]], truth, jump)
    if frame is None:
        return None
    after = placed[placed >= frame]
    return int(after[0] if len(after) else len(truth)) - frame


def out_of_reach(truth: np.ndarray, jump: int) -> int:
    """Frames that nobody could tie to the others, as nothing that was seen before the break is ever
    seen after it: those of the smaller part; else 0. truth: T_world_camera (M, 4, 4)."""
    if _seen_again(truth[:jump], truth, jump) is not None:
        return 0
    return min(jump, len(truth) - jump)


def _seen_again(known: np.ndarray, truth: np.ndarray, jump: int) -> int | None:
    """The first frame from `jump` on that sees what one of the known poses saw."""
    for frame in range(jump, len(truth)):
        metres, degrees = differences(np.broadcast_to(truth[frame], known.shape), known)
        if ((metres < REVISIT_METRES) & (degrees < REVISIT_DEGREES)).any():
            return frame
    return None


def differences(a: np.ndarray, b: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Metres (N,) and degrees (N,) between poses a and b, (N, 4, 4) each."""
    D = inverse(b) @ a
    cosine = np.clip((np.trace(D[:, :3, :3], axis1=1, axis2=2) - 1) / 2, -1, 1)
    return np.linalg.norm(D[:, :3, 3], axis=1), np.degrees(np.arccos(cosine))


def _is_wrong(metres: np.ndarray, degrees: np.ndarray) -> np.ndarray:
    return (metres > WRONG_METRES) | (degrees > WRONG_DEGREES)


def _steps(poses: np.ndarray, first: np.ndarray, ahead: int = 1) -> np.ndarray:
    """Motion (M, 4, 4) from rows `first` to those `ahead` of them."""
    return inverse(poses[first]) @ poses[first + ahead]


def _wrong_steps(estimate: np.ndarray, truth: np.ndarray) -> list[int]:
    """Rows off from the row before; not those that come back to where things were right."""
    found: list[int] = []
    near = _off_from_before(estimate, truth, 1)
    over = _off_from_before(estimate, truth, 2)
    for row in range(1, len(estimate)):
        comes_back = found and found[-1] == row - 1 and row > 1 and not over[row]
        if near[row] and not comes_back:
            found.append(row)
    return found


def _off_from_before(estimate: np.ndarray, truth: np.ndarray, back: int) -> np.ndarray:
    """bool (N,): which rows are wrong relative to the row `back` before."""
    first = np.arange(max(len(estimate) - back, 0))
    off = differences(_steps(estimate, first, back), _steps(truth, first, back))
    return np.concatenate([np.zeros(len(estimate) - len(first), bool), _is_wrong(*off)])


def _wrong_revisits(estimate: np.ndarray, truth: np.ndarray) -> list[int]:
    """Rows that contradict most of the earlier rows that truly were near."""
    found = []
    for row in range(REVISIT_GAP, len(estimate)):
        earlier = truth[: row - REVISIT_GAP + 1]
        here = np.broadcast_to(truth[row], earlier.shape)
        metres, degrees = differences(here, earlier)
        near = (metres < REVISIT_METRES) & (degrees < REVISIT_DEGREES)
        if not near.any():
            continue
        true = inverse(earlier[near]) @ truth[row]
        told = inverse(estimate[: row - REVISIT_GAP + 1][near]) @ estimate[row]
        if _is_wrong(*differences(told, true)).mean() > 0.5:
            found.append(row)
    return found


def _ate(estimate: np.ndarray, truth: np.ndarray) -> float:
    if len(estimate) < 3:
        return float("nan")
    _, T = umeyama(estimate[:, :3, 3], truth[:, :3, 3], with_scale=False)
    moved = estimate[:, :3, 3] @ T[:3, :3].T + T[:3, 3]
    return float(np.sqrt(np.mean(np.sum((moved - truth[:, :3, 3]) ** 2, axis=1))))
