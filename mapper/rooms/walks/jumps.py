"""A stream that breaks: the camera is carried off, or frames are missing."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from mapper.rooms.spec import SequenceSpec, seeded
from mapper.rooms.walks.walk import Walk, camera_poses

CANDIDATES = 24
FAR_METRES = 1.0  # what a radian of turn counts as
BACK = 0.6  # of the time before: a place seen this early at the latest is gone back to


@dataclass(frozen=True, slots=True)
class Clock:
    """times: float64 (N,), seconds from the start, of the frames. jump: the first frame after a
    break, or None."""

    times: np.ndarray
    jump: int | None

    @classmethod
    def of(cls, spec: SequenceSpec) -> Clock:
        """Where a cut is in the stream, its time has a gap."""
        times = np.arange(spec.frames) / spec.rate
        if spec.path not in ("kidnap", "cut"):
            return cls(times, None)
        rng = seeded(spec.seed, "jump")
        jump = round(spec.frames * rng.uniform(0.45, 0.65))
        if spec.path == "cut":
            times[jump:] += rng.uniform(0.8, 2.5)
        return cls(times, jump)


class KidnappedWalk(Walk):
    """Up to a moment a walk; from then on the same again, from where it was long before, a
    little beside."""

    def __init__(self, walk: Walk, moment: float, rng: np.random.Generator) -> None:
        """moment: seconds."""
        self._walk, self._moment = walk, moment
        self._resumed = _other_place(walk, moment)
        self._shift = np.array([*rng.uniform(-0.12, 0.12, 3), *rng.normal(0, 0.12, 3)])
        self._shift[5] = 0.2 * self._shift[5]

    def values(self, times: np.ndarray) -> np.ndarray:
        """As a Walk's."""
        after = times >= self._moment
        back = self._resumed - (times - self._moment)  # the way back, so no view is the same
        values = self._walk.values(np.where(after, np.maximum(back, 0.0), times))
        values[after] += self._shift
        return values


def _other_place(walk: Walk, moment: float) -> float:
    """The time, well before, at which the camera was furthest from where it is."""
    times = np.linspace(0.05, BACK, CANDIDATES) * moment
    values, here = walk.values(times), walk.values(np.array([moment]))[0]
    poses, now = (camera_poses(v[:, :3], *v[:, 3:].T) for v in (values, here[None]))
    turned = np.arccos(np.clip(poses[:, :3, 2] @ now[0, :3, 2], -1, 1))
    apart = np.linalg.norm(poses[:, :3, 3] - now[0, :3, 3], axis=1)
    return float(times[np.argmax(apart + FAR_METRES * turned)])
