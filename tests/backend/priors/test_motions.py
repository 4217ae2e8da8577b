"""Odometry of another sensor: only the way from one reading to the next counts."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from mapper.backend.priors.knowledge import Knowledge
from mapper.backend.priors.tie import tie
from mapper.core.geometry import exp_se3, umeyama
from mapper.core.pose_readings import PoseReadings
from mapper.core.sim3 import rigid_part, scale_of
from tests.support.priors.walks import Drift, Walk, walk

SINKING = Drift(sinking=0.01, log_scale=2e-3)


def wheels(made: Walk, seed: int = 0) -> PoseReadings:
    """In a world of their own, a per cent off in each step, and one step slips."""
    rng = np.random.default_rng(seed)
    T = made.T_world_frame
    steps = np.linalg.inv(T[:-1]) @ T[1:]
    steps[:, :3, 3] *= 1 + 0.01 * rng.normal(size=(len(steps), 1))
    steps[100, :3, 3] += 1.0
    chained = [exp_se3(np.array([0.3, -0.2, 0.5, 4.0, 5.0, 6.0]))]
    for step in steps:
        chained.append(chained[-1] @ step)
    poses = rigid_part(np.array(chained))
    return made.readings(
        positions=poses[:, :3, 3], rotations=poses[:, :3, :3], sigma=0.02, sigma_deg=0.5
    )


def shape_error(made: Walk, poses: dict[int, np.ndarray]) -> float:
    """Root mean square, metres, after the best rigid alignment."""
    found = np.array([poses[k.id][:3, 3] for k in made.task.keyframes])
    _, T = umeyama(found, made.keyframe_positions, with_scale=False)
    away = found @ T[:3, :3].T + T[:3, 3] - made.keyframe_positions
    return float(np.sqrt(np.mean(np.sum(away**2, axis=1))))


def test_wheels_make_a_map_metric_and_mend_its_scale() -> None:
    made = walk(drift=SINKING)
    tied = tie(made.task, Knowledge(odometry=(wheels(made),)))
    assert tied.tie.refused == "" and tied.tie.is_metric
    assert tied.tie.sources[0]["agreeing"] == 38  # of 39: one slipped
    scales = np.array([scale_of(tied.poses[k]) for k in range(40)])
    np.testing.assert_allclose(scales, 0.4 * np.exp(-0.01 * np.arange(40)), rtol=0.04)
    assert shape_error(made, tied.poses) < 0.1
    np.testing.assert_allclose(rigid_part(tied.poses[0]), np.eye(4), atol=1e-3)  # its own world


def test_a_metric_map_is_helped_and_keeps_its_size() -> None:
    made = walk(is_metric=True, drift=Drift(translation=0.05))
    before = shape_error(made, dict(made.task.poses))
    tied = tie(made.task, Knowledge(odometry=(wheels(made),)))
    assert tied.tie.refused == ""
    assert shape_error(made, tied.poses) < 0.8 * before
    assert scale_of(tied.poses[20]) == pytest.approx(1.0, abs=1e-6)


def test_wheels_of_another_way_or_time_are_refused() -> None:
    made = walk()
    right = wheels(made)
    assert right.positions is not None and right.rotations is not None
    backward = replace(right, positions=right.positions[::-1], rotations=right.rotations[::-1])
    refused = tie(made.task, Knowledge(odometry=(backward,))).tie.refused
    assert "steps agree with the map" in refused or "bent" in refused
    late = tie(made.task, Knowledge(odometry=(right.later(500.0),))).tie.refused
    assert "no two readings are of moments" in late
