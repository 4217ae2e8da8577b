"""Poses that are written by another convention are told which, by turns and by ways."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from mapper.backend.priors.conventions import other_convention
from mapper.backend.priors.fit import Compared
from mapper.core.geometry import inverse, pose
from mapper.core.sim3 import exp_sim3

GL = np.diag([1.0, -1, -1, 1])
SIGMA = 0.02


def way(turning: float, moving: float, seed: int = 0) -> np.ndarray:
    """T_world_camera (60, 4, 4) that turns by so many radians and goes so many metres."""
    rng = np.random.default_rng(seed)
    turns = np.cumsum(turning / 20 * rng.normal(size=(60, 3)), axis=0)
    places = np.cumsum(moving / 20 * rng.normal(size=(60, 3)), axis=0)
    R = Rotation.from_rotvec(turns).as_matrix()
    return np.array([pose(each, place) for each, place in zip(R, places, strict=True)])


def compared(T: np.ndarray, read: np.ndarray, positions: bool = True) -> Compared:
    """The map: in another world and unit, and it drifts a little."""
    rng = np.random.default_rng(9)
    S = exp_sim3(0.5 * rng.normal(size=7))
    ours = S @ T
    ours[:, :3, :3] /= np.linalg.norm(S[:3, 0])
    drift = Rotation.from_rotvec(np.linspace(0, np.radians(4), 60)[:, None] * [0.0, 1, 0])
    ours[:, :3, :3] = drift.as_matrix() @ ours[:, :3, :3]
    places = read[:, :3, 3] if positions else None
    return Compared(ours, places, read[:, :3, :3], np.full(60, SIGMA))


def w_first(T: np.ndarray) -> np.ndarray:
    """As they are read where a file has wxyz and xyzw is expected."""
    read = T.copy()
    quaternions = np.roll(Rotation.from_matrix(T[:, :3, :3]).as_quat(), 1, axis=1)
    read[:, :3, :3] = Rotation.from_quat(quaternions).as_matrix()
    return read


def turned_back(T: np.ndarray) -> np.ndarray:
    read = T.copy()
    read[:, :3, :3] = T[:, :3, :3].swapaxes(1, 2)
    return read


WRONG = {
    "inverted (they map": inverse,
    "with the axes of OpenGL": lambda T: T @ GL,
    "inverted and with the axes of OpenGL": lambda T: inverse(T @ GL),
    "with inverted rotations": turned_back,
    "with quaternions whose w": w_first,
    "inverted, with quaternions whose w": lambda T: w_first(inverse(T)),
}


@pytest.mark.parametrize(("turning", "moving"), [(2.0, 2.0), (2.0, 0.0), (0.05, 2.0)])
def test_right_poses_fit(turning: float, moving: float) -> None:
    T = way(turning, moving)
    assert other_convention(compared(T, T)) == ""
    assert other_convention(compared(T, T, positions=False)) == ""


@pytest.mark.parametrize("words", list(WRONG))
@pytest.mark.parametrize("seed", range(3))
def test_by_a_camera_that_turns_and_goes(words: str, seed: int) -> None:
    T = way(2.0, 2.0, seed)
    assert f"fit better {words}" in other_convention(compared(T, WRONG[words](T)))


@pytest.mark.parametrize("words", ["inverted (they map", "with the axes of OpenGL"])
def test_turns_alone_tell_it(words: str) -> None:
    T = way(2.0, 0.0)
    assert f"fit better {words}" in other_convention(compared(T, WRONG[words](T), positions=False))


def test_a_camera_that_does_not_turn_tells_it_by_its_way() -> None:
    T = way(0.05, 2.0)
    assert "fit better with the axes of OpenGL" in other_convention(compared(T, T @ GL))
    turned = pose(Rotation.from_euler("y", 70, degrees=True).as_matrix(), np.zeros(3))
    assert "fit better inverted" in other_convention(compared(turned @ T, inverse(turned @ T)))


def test_poses_of_another_place_are_no_other_convention() -> None:
    assert other_convention(compared(way(2.0, 2.0), way(2.0, 2.0, seed=5))) == ""
