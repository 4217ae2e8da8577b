"""By which convention poses are written: that by which the images' own motion fits them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import numpy as np
from scipy.spatial.transform import Rotation

from mapper.backend.priors.fit import Compared

GL_AXES: Final = np.diag([1.0, -1.0, -1.0])
CLEARLY: Final = 0.5  # of how far poses are off: so much better another convention must fit
TURNED_DEG: Final = 8.0  # that turns are off at most by the right convention, as maps drift
WAY_DEG: Final = 20.0  # that directions of motion are
SIGMAS: Final = 5.0  # of a position, that a motion has to be long
FEWEST: Final = 3  # motions

Poses = tuple[np.ndarray, np.ndarray | None]  # rotations (N, 3, 3) and positions (N, 3)


def _inverted(poses: Poses) -> Poses:
    R, positions = poses[0].swapaxes(1, 2), poses[1]
    return R, None if positions is None else -np.einsum("nij,nj->ni", R, positions)


def _of_opengl(poses: Poses) -> Poses:
    return poses[0] @ GL_AXES, poses[1]


def _with_w_first(poses: Poses) -> Poses:
    """Of quaternions that were read as xyzw, and are wxyz."""
    quaternions = np.roll(Rotation.from_matrix(poses[0]).as_quat(), -1, axis=1)
    return Rotation.from_quat(quaternions).as_matrix(), poses[1]


CONVENTIONS: Final[dict[str, Callable[[Poses], Poses]]] = {
    "inverted (they map the world into the camera)": _inverted,
    "with the axes of OpenGL (y up, z back)": _of_opengl,
    "inverted and with the axes of OpenGL (y up, z back)": lambda p: _of_opengl(_inverted(p)),
    "with inverted rotations, and positions as they are": lambda p: (_inverted(p)[0], p[1]),
    "with quaternions whose w comes first": _with_w_first,
    "inverted, with quaternions whose w comes first": lambda p: _inverted(_with_w_first(p)),
}


def other_convention(both: Compared) -> str:
    """Which convention the poses are written by, where it is another than they were read by; empty
    where they fit as they are, or nothing tells.

    Turns from one moment to another, and in which direction of the camera it went, are the same by
    the map and by the source, wherever and however large the two worlds are.
    """
    if both.rotations is None or len(both.rotations) < 2:
        return ""
    told = both.rotations, both.positions
    as_read = _Misfit(both, told)
    if as_read.worst <= 1:
        return ""
    misfits = {words: _Misfit(both, of(told)) for words, of in CONVENTIONS.items()}
    best = min(misfits, key=lambda words: misfits[words].worst)
    if misfits[best].worst > min(CLEARLY * as_read.worst, 1):
        return ""
    return (
        f"its poses fit better {best}: {misfits[best].in_words} then, and {as_read.in_words} as "
        "they are; write them as T_world_camera with OpenCV's axes"
    )


class _Misfit:
    """How far poses are off by the map's turns and ways. worst: of the two, 1 = at the limit."""

    def __init__(self, both: Compared, poses: Poses) -> None:
        ours, (theirs, positions) = both.T_world_camera, poses
        count = len(ours)
        first = np.arange(count)
        second = (first + count // 2) % count
        by_map = ours[first, :3, :3].swapaxes(1, 2) @ ours[second, :3, :3]
        by_source = theirs[first].swapaxes(1, 2) @ theirs[second]
        turned = float(np.median(_turns(by_map)))
        self._turn = float(np.median(_turns(by_map.swapaxes(1, 2) @ by_source)))
        self._turn *= turned >= TURNED_DEG  # a camera that hardly turns tells none
        self._way = 0.0
        if positions is None or both.positions is None:
            return
        ways = [
            np.einsum("nji,nj->ni", R[first], where[second] - where[first])
            for R, where in ((ours[:, :3, :3], ours[:, :3, 3]), (theirs, positions))
        ]
        lengths = [np.linalg.norm(way, axis=1) for way in ways]
        moved = (lengths[1] > SIGMAS * both.sigma) & (lengths[0] > 0)
        if moved.sum() >= FEWEST:
            cosines = (ways[0] * ways[1]).sum(1)[moved] / (lengths[0] * lengths[1])[moved]
            self._way = float(np.median(np.degrees(np.arccos(np.clip(cosines, -1, 1)))))

    @property
    def worst(self) -> float:
        return max(self._turn / TURNED_DEG, self._way / WAY_DEG)

    @property
    def in_words(self) -> str:
        return f"turns are {self._turn:.1f} and ways {self._way:.0f} degrees off"


def _turns(R: np.ndarray) -> np.ndarray:
    """Degrees (N,)."""
    cosine = (np.trace(R, axis1=1, axis2=2) - 1) / 2
    return np.degrees(np.arccos(np.clip(cosine, -1, 1)))
