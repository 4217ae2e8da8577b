"""What an accelerometer says of up stands a map upright, or is refused."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from mapper.backend.graph.priors import LengthPrior, UpPrior
from mapper.backend.priors.gravity import turned_upright
from mapper.backend.priors.knowledge import Knowledge
from mapper.backend.priors.tie import tie
from mapper.core.pose_readings import GeoOrigin, GravityReadings
from mapper.core.sim3 import rigid_part
from tests.support.priors.walks import FRAMES, Drift, Walk, walk

LEANING = Drift(rotation=0.02)


def sensed(
    made: Walk, noise_deg: float = 0.0, axes: np.ndarray | None = None, told: bool = False
) -> GravityReadings:
    """By each frame. axes: (3, 3), R_sensor_camera of a sensor that is mounted otherwise."""
    up = made.T_world_frame[:, 2, :3]
    rng = np.random.default_rng(5)
    off = Rotation.from_rotvec(np.radians(noise_deg) * rng.normal(size=(len(up), 3)))
    seen = off.apply(up)
    return GravityReadings(
        "imu.csv", made.times, seen if axes is None else seen @ axes.T, 2.0, told
    )


def leaning(made: Walk, poses: dict[int, np.ndarray]) -> np.ndarray:
    """Degrees (K,) that each keyframe's own up is away from the world's z."""
    true = made.T_world_frame[::FRAMES, 2, :3]
    seen = [
        rigid_part(poses[k.id])[:3, :3] @ up
        for k, up in zip(made.task.keyframes, true, strict=True)
    ]
    return np.degrees(np.arccos(np.clip(np.array(seen)[:, 2], -1, 1)))


def test_a_map_that_leans_stands_upright() -> None:
    made = walk(drift=LEANING)
    start = rigid_part(made.task.poses[0])[:3, :3] @ made.T_world_frame[0, 2, :3]
    R = turned_upright(start)
    turn = np.eye(4)
    turn[:3, :3] = R.T
    before = leaning(made, {k: turn @ S for k, S in made.task.poses.items()})
    tied = tie(made.task, Knowledge(gravity=(sensed(made, 3.0),)))
    assert tied.tie.refused == ""
    assert tied.tie.is_upright
    assert not tied.tie.is_metric
    assert before.max() > 8
    assert leaning(made, tied.poses).max() < 4.0
    assert leaning(made, tied.poses).mean() < 0.3 * before.mean()
    assert tied.tie.sources[0]["name"] == "imu.csv"


def test_a_sensor_that_sits_askew_does_not_lean_the_map() -> None:
    made = walk()
    askew = Rotation.from_euler("xyz", [1.5, 0.5, -1.5], degrees=True).as_matrix()
    tied = tie(made.task, Knowledge(gravity=(sensed(made, 1.0, askew),)))
    assert tied.tie.refused == ""
    assert leaning(made, tied.poses).max() < 1.0


def test_pushes_of_the_camera_do_not_bend_the_map() -> None:
    made = walk(drift=LEANING)
    good = sensed(made, 1.0)
    pushed = good.up.copy()
    for k in range(3, 40, 5):
        pushed[k * FRAMES : (k + 1) * FRAMES] = Rotation.from_euler("x", 40, degrees=True).apply(
            pushed[k * FRAMES : (k + 1) * FRAMES]
        )
    with_all = tie(made.task, Knowledge(gravity=(good,)))
    tied = tie(made.task, Knowledge(gravity=(replace(good, up=pushed),)))
    assert tied.tie.refused == ""
    assert tied.tie.sources[0]["agreeing"] <= 40 - 8
    assert leaning(made, tied.poses).max() < leaning(made, with_all.poses).max() + 1.0


def test_other_axes_are_told() -> None:
    made = walk()
    ahead_is_up = np.array([[1.0, 0, 0], [0, 0, 1], [0, -1, 0]])
    refused = tie(made.task, Knowledge(gravity=(sensed(made, 1.0, ahead_is_up),))).tie.refused
    assert refused.startswith("imu.csv:")
    assert "--gravity-axes" in refused
    assert "x,-z,y" in refused


@pytest.mark.parametrize("told", [True, False])
def test_down_in_place_of_up_is_refused(told: bool) -> None:
    """By a camera that goes around level, nothing but how it is held tells up from down."""
    level = walk()
    tied = tie(level.task, Knowledge(gravity=(sensed(level, 0.5, -np.eye(3), told),)))
    assert tied.tie.is_upright == told  # who says how it is mounted is believed
    if not told:
        assert "degrees from the images' tops" in tied.tie.refused
        assert "--gravity-axes" in tied.tie.refused


def test_of_another_time_is_refused() -> None:
    made = walk()
    tied = tie(made.task, Knowledge(gravity=(sensed(made).later(1000.0),)))
    assert "imu.csv: no reading is of a moment" in tied.tie.refused


def test_a_straight_way_that_a_receiver_leaves_open_is_stood_upright() -> None:
    made = walk(step=1.0, turns=0.0)
    gps = made.readings(
        every=5, sigma=0.3, rotations=None, drifts=False, origin=GeoOrigin(47, 8, 400)
    )
    tied = tie(made.task, Knowledge((gps,), gravity=(sensed(made, 1.0),)))
    assert tied.tie.refused == ""
    assert leaning(made, tied.poses).max() < 1.5


def test_a_track_that_is_mirrored_turns_the_map_over() -> None:
    made = walk(keyframes=60, step=1.0, has_corners=True)
    gps = made.readings(
        every=5, sigma=0.5, rotations=None, drifts=False, origin=GeoOrigin(47, 8, 400)
    )
    assert gps.positions is not None
    mirrored = replace(gps, positions=gps.positions * [1, -1, 1])
    assert tie(made.task, Knowledge((gps,))).tie.refused == ""
    assert "upside down" in tie(made.task, Knowledge((mirrored,))).tie.refused


def test_lengths_that_contradict_each_other_still_do_with_gravity() -> None:
    made = walk()
    here = np.zeros(3)
    true = np.linalg.norm(np.subtract(*made.keyframe_positions[[3, 17]]))
    said = tuple(
        LengthPrior(name, i, here, j, here, float(metres), 0.005)
        for name, i, j, metres in (("a", 3, 17, true), ("b", 20, 34, 3 * true))
    )
    alone = tie(made.task, Knowledge(measured=said)).tie.refused
    assert alone
    assert tie(made.task, Knowledge(measured=said, gravity=(sensed(made),))).tie.refused


def test_directions_by_keyframes_count_as_well() -> None:
    made = walk(drift=LEANING)
    ups = tuple(
        UpPrior("the floor", k, np.eye(3), made.T_world_frame[k * FRAMES, 2, :3], 0.03)
        for k in range(0, 40, 2)
    )
    tied = tie(made.task, Knowledge(ups=ups))
    assert tied.tie.refused == ""
    assert leaning(made, tied.poses).max() < 3.0


@pytest.mark.parametrize(
    "up", [[0.0, -1, 0], [0.1, -0.9, 0.1], [0, 0, 1], [0.3, 0.2, 0.9], [0, 1, 0]]
)
def test_a_world_is_turned_as_little_as_can_be(up: list[float]) -> None:
    z = np.array(up) / np.linalg.norm(up)
    R = turned_upright(z)
    np.testing.assert_allclose(R[:, 2], z, atol=1e-12)
    np.testing.assert_allclose(R @ R.T, np.eye(3), atol=1e-12)
    assert np.linalg.det(R) > 0
    np.testing.assert_allclose(turned_upright(R.T @ z), np.eye(3), atol=1e-12)
    if up == [0.0, -1, 0]:  # as the first camera stands: x to the right, y ahead
        np.testing.assert_allclose(R[:, 1], [0, 0, 1], atol=1e-12)
