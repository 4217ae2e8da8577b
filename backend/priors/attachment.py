"""Which keyframes the readings of another sensor belong to, frames between keyframes too."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from scipy.spatial.transform import Rotation, Slerp

from mapper.backend.graph.priors import PosePrior
from mapper.backend.keyframes.keyframe import Keyframe, Visit
from mapper.core.pose_readings import PoseReadings
from mapper.core.sim3 import rigid_part, scale_of, similarity
from mapper.core.trajectory import nearest_times

MAX_GAP_S: Final = 2.0  # between two frames, across which the camera's way is a straight line
PER_KEYFRAME: Final = 3  # of readings that share their errors: more say no more
# A tracker's errors add up along its way, so that what it says of one place it says of all the way
# from there on: all its readings together are worth about so many that are each on their own.
INDEPENDENT: Final = 8.0
LATENESS: Final = 0.5  # of the time between frames: so near is a reading to the first or last one


@dataclass(frozen=True, slots=True, eq=False)
class PlacedFrames:
    """Every frame that was placed, in the order of time; a frame that ends one stretch and leads
    to the next stands for both. times: (N,). keyframe: (N,), in which it is. stretch: (N,), of
    which it is a part. S_keyframe_camera: (N, 4, 4)."""

    times: np.ndarray
    keyframe: np.ndarray
    stretch: np.ndarray
    S_keyframe_camera: np.ndarray

    @property
    def period(self) -> float:
        """Usual seconds between two frames."""
        steps = np.diff(np.unique(self.times))
        return float(np.median(steps)) if len(steps) else 0.0


def placed_frames(keyframes: Sequence[Keyframe]) -> PlacedFrames:
    """Of the keyframes and of their visits."""
    stretches = [
        (view.id, keyframe.id, S, view) for keyframe in keyframes for S, view in _views(keyframe)
    ]
    stretches.sort(key=lambda each: each[0])
    rows: list[tuple[float, int, int, np.ndarray]] = []
    for number, (_, keyframe_id, S, view) in enumerate(stretches):
        for frame in view.frames:
            T = S @ frame.T_keyframe_camera
            rows.append((frame.timestamp, keyframe_id, number, T))
        following = stretches[number + 1][3] if number + 1 < len(stretches) else None
        if following is not None and following.T_previous_keyframe is not None:
            T = S @ following.T_previous_keyframe
            rows.append((following.timestamp, keyframe_id, number, T))
    times, ids, numbers, poses = zip(*rows, strict=True)
    return PlacedFrames(np.array(times), np.array(ids), np.array(numbers), np.array(poses))


def _views(keyframe: Keyframe) -> list[tuple[np.ndarray, Keyframe | Visit]]:
    own: list[tuple[np.ndarray, Keyframe | Visit]] = [(np.eye(4), keyframe)]
    return own + [(visit.S_keyframe_visit, visit) for visit in keyframe.visits]


def attach(readings: PoseReadings, source: int, placed: PlacedFrames) -> list[PosePrior]:
    """A prior of each reading that was taken while the camera was placed, at its own moment.

    Of readings that drift, of which one that is near tells what the next one does, no more are
    taken than there are frames, and few of each keyframe.
    """
    chosen = readings
    if readings.drifts:
        near = np.unique(nearest_times(readings.times, placed.times))
        chosen = readings.rows(near)
    found = [bracket(placed, time) for time in chosen.times]
    known = [(row, *at) for row, at in enumerate(found) if at is not None]
    if readings.drifts:
        known = _few_of_each(known, placed)
    weight = min(1.0, INDEPENDENT / max(len(known), 1)) if readings.drifts else 1.0
    return [
        _prior(chosen, row, source, int(placed.keyframe[at]), between(placed, at, share), weight)
        for row, at, share in known
    ]


def _few_of_each(
    known: list[tuple[int, int, float]], placed: PlacedFrames
) -> list[tuple[int, int, float]]:
    """At most PER_KEYFRAME of a keyframe's, evenly. known: row of the reading, and as bracket."""
    by_keyframe: dict[int, list[tuple[int, int, float]]] = {}
    for each in known:
        by_keyframe.setdefault(int(placed.keyframe[each[1]]), []).append(each)
    kept = []
    for rows in by_keyframe.values():
        count = min(len(rows), PER_KEYFRAME)
        kept += [rows[k] for k in np.linspace(0, len(rows) - 1, count).astype(int)]
    return kept


def bracket(placed: PlacedFrames, time: float) -> tuple[int, float] | None:
    """The row before a moment, in the stretch that leads to the next, and how far on it is
    (0 to 1); None where the camera was not placed."""
    tolerance = LATENESS * placed.period
    after = int(np.searchsorted(placed.times, time, side="right"))
    if after == 0:
        return (0, 0.0) if placed.times[0] - time <= tolerance else None
    if after == len(placed.times):
        late = time - placed.times[-1]
        return (after - 1, 0.0) if late <= tolerance else None
    before = after - 1
    gap = placed.times[after] - placed.times[before]
    if placed.stretch[before] == placed.stretch[after] and 0 < gap <= MAX_GAP_S:
        return before, float((time - placed.times[before]) / gap)
    nearer = before if time - placed.times[before] <= placed.times[after] - time else after
    return (nearer, 0.0) if abs(placed.times[nearer] - time) <= tolerance + 1e-9 else None


def between(placed: PlacedFrames, row: int, share: float) -> np.ndarray:
    """S_keyframe_camera (4, 4) some way from a row to the next."""
    first = placed.S_keyframe_camera[row]
    if share == 0.0:
        return first
    second = placed.S_keyframe_camera[row + 1]
    ends = Rotation.from_matrix(rigid_part(np.stack([first, second]))[:, :3, :3])
    S = np.eye(4)
    S[:3, :3] = Slerp([0.0, 1.0], ends)(share).as_matrix()
    S[:3, 3] = (1 - share) * first[:3, 3] + share * second[:3, 3]
    return similarity(float(scale_of(first)), S)


def _prior(
    readings: PoseReadings,
    row: int,
    source: int,
    keyframe_id: int,
    S_keyframe_camera: np.ndarray,
    weight: float,
) -> PosePrior:
    return PosePrior(
        source,
        keyframe_id,
        S_keyframe_camera,
        None if readings.positions is None else readings.positions[row],
        None if readings.rotations is None else readings.rotations[row],
        float(readings.sigma[row]),
        float(np.radians(readings.sigma_deg)),
        weight,
        readings.vertical,
    )
