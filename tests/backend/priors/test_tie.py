"""A map that drifts is tied to what is known of it, or refuses to be."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from mapper.backend.graph.priors import LengthPrior, ScalePrior, TagSighting
from mapper.backend.priors.knowledge import Knowledge
from mapper.backend.priors.tie import tie, with_relative_poses
from mapper.core.geometry import exp_se3, inverse, umeyama
from mapper.core.pose_readings import GeoOrigin
from mapper.core.sim3 import exp_sim3, scale_of
from tests.support.priors.walks import FRAMES, Drift, Walk, walk

SINKING = Drift(sinking=0.01, log_scale=2e-3)


def ate(made: Walk, poses: dict[int, np.ndarray]) -> float:
    """After the best similarity: what the map is off by itself, as a share of nothing."""
    found = np.array([poses[k.id][:3, 3] for k in made.task.keyframes])
    true = made.keyframe_positions
    scale, T = umeyama(found, true, with_scale=True)
    moved = scale * found @ T[:3, :3].T + T[:3, 3]
    return float(np.sqrt(np.mean(np.sum((moved - true) ** 2, axis=1))))


def length(made: Walk, i: int, j: int, metres: float | None = None) -> LengthPrior:
    """Between where two keyframes' cameras are."""
    true = float(np.linalg.norm(np.subtract(*made.keyframe_positions[[i, j]])))
    here = np.zeros(3)
    return LengthPrior(f"{i} to {j}", i, here, j, here, metres or true, 0.01)


def test_known_poses_make_a_map_metric_and_put_it_in_their_world() -> None:
    made = walk(drift=SINKING)
    before = ate(made, dict(made.task.poses))
    tied = tie(made.task, Knowledge((made.readings(),)))
    assert tied.tie.refused == ""
    assert tied.tie.is_metric
    assert before > 0.1
    assert made.error(tied.poses) < 0.01
    scales = np.array([scale_of(tied.poses[k]) for k in range(40)])
    np.testing.assert_allclose(scales, 0.4 * np.exp(-0.01 * np.arange(40)), rtol=0.05)


def test_positions_alone_do_too() -> None:
    made = walk(drift=SINKING)
    tied = tie(made.task, Knowledge((made.readings(sigma=0.02, rotations=None),)))
    assert tied.tie.refused == ""
    assert made.error(tied.poses) < 0.03


def test_frames_between_keyframes_count() -> None:
    made = walk(drift=SINKING)
    between = made.readings(every=1, rotations=None, sigma=0.02).rows(
        np.flatnonzero(np.arange(200) % 5 == 3)
    )
    halfway = replace(
        between,
        times=between.times + 0.05,
        positions=(made.T_world_frame[3::5, :3, 3] + made.T_world_frame[4::5, :3, 3]) / 2,
    )
    tied = tie(made.task, Knowledge((halfway,)))
    assert tied.tie.refused == ""
    assert made.error(tied.poses) < 0.03


def test_jumps_of_a_receiver_do_not_bend_the_map() -> None:
    made = walk(keyframes=80, step=1.0, turns=2.0)
    readings = made.readings(every=5, sigma=0.5, rotations=None, drifts=False)
    rng = np.random.default_rng(1)
    assert readings.positions is not None
    noisy = readings.positions + rng.normal(0, 0.5, readings.positions.shape)
    origin = GeoOrigin(47.0, 8.0, 400.0)
    straight = tie(made.task, Knowledge((replace(readings, positions=noisy, origin=origin),)))
    jumps = rng.choice(len(noisy), 8, replace=False)
    thrown = noisy.copy()
    thrown[jumps] += 20 * rng.normal(size=(8, 3)) / np.sqrt(3)
    thrown_off = tie(made.task, Knowledge((replace(readings, positions=thrown),)))
    assert straight.tie.origin == origin
    assert made.error(straight.poses) < 0.4
    assert made.error(thrown_off.poses) < made.error(straight.poses) + 0.1
    assert thrown_off.tie.sources[0]["agreeing"] <= 80 - 6


def test_rotations_alone_straighten_a_map_without_a_unit() -> None:
    made = walk(drift=Drift(rotation=0.02))
    tied = tie(made.task, Knowledge((made.readings(positions=None, is_metric=False),)))
    assert tied.tie.refused == ""
    assert not tied.tie.is_metric
    assert ate(made, tied.poses) < 0.5 * ate(made, dict(made.task.poses))


def test_a_track_of_another_place_is_refused() -> None:
    made = walk()
    other = walk(turns=-2.0, seed=3)
    readings = replace(other.readings(rotations=None, sigma=0.05), name="elsewhere.gpx")
    tied = tie(made.task, Knowledge((readings,)))
    assert tied.tie.refused.startswith("elsewhere.gpx:")
    assert "another place" in tied.tie.refused or "bent" in tied.tie.refused
    np.testing.assert_array_equal(tied.poses[20], made.task.poses[20])
    np.testing.assert_array_equal(tied.S_new_old, np.eye(4))


def test_a_receiver_that_stood_still_tells_nothing() -> None:
    made = walk()
    noise = 0.5 * np.random.default_rng(0).normal(size=(200, 3))
    readings = made.readings(positions=noise, rotations=None, sigma=0.5)
    assert "neither scale nor place" in tie(made.task, Knowledge((readings,))).tie.refused


@pytest.mark.parametrize("words", ["inverted", "axes of OpenGL"])
def test_poses_by_another_convention_are_told(words: str) -> None:
    made = walk()
    true = made.T_world_frame[:, :3, :3]
    wrong = true.swapaxes(1, 2) if words == "inverted" else true @ np.diag([1.0, -1, -1])
    tied = tie(made.task, Knowledge((made.readings(rotations=wrong),)))
    assert words in tied.tie.refused


def test_poses_of_another_time_are_refused() -> None:
    made = walk()
    tied = tie(made.task, Knowledge((made.readings().later(1000.0),)))
    assert "no reading is of a moment" in tied.tie.refused


def test_one_length_makes_a_map_metric_and_bends_nothing() -> None:
    made = walk()
    tied = tie(made.task, Knowledge(measured=(length(made, 3, 17),)))
    assert tied.tie.refused == ""
    assert tied.tie.is_metric
    ratio = scale_of(tied.poses[5]) / scale_of(made.task.poses[5])
    for k in range(40):
        before, after = made.task.poses[k], tied.poses[k]
        np.testing.assert_allclose(after[:3], ratio * before[:3], rtol=1e-3, atol=1e-3)
    assert scale_of(tied.poses[3]) == pytest.approx(0.4, rel=0.05)


def test_lengths_far_apart_mend_the_drift_of_the_scale() -> None:
    made = walk(drift=SINKING)
    known = tuple(length(made, k, k + 3) for k in (0, 18, 35))
    tied = tie(made.task, Knowledge(measured=known))
    assert tied.tie.refused == ""
    scales = np.array([scale_of(tied.poses[k]) for k in range(40)])
    np.testing.assert_allclose(scales, 0.4 * np.exp(-0.01 * np.arange(40)), rtol=0.05)


def test_scales_of_keyframes_count_too() -> None:
    made = walk(drift=SINKING)
    known = tuple(
        ScalePrior("height", k, float(np.log(0.4) - 0.01 * k), 0.02) for k in range(0, 40, 4)
    )
    tied = tie(made.task, Knowledge(measured=known))
    assert scale_of(tied.poses[30]) == pytest.approx(0.4 * np.exp(-0.30), rel=0.02)
    assert scale_of(made.task.poses[30]) > 0.9  # by its edges, where the first is 1


def test_lengths_that_contradict_each_other_are_refused() -> None:
    made = walk()
    right, wrong = length(made, 3, 8), length(made, 5, 10, metres=3.5)
    tied = tie(made.task, Knowledge(measured=(right, wrong)))
    assert "contradicts the rest" in tied.tie.refused
    np.testing.assert_array_equal(tied.poses[20], made.task.poses[20])


def test_a_length_outside_the_map_is_refused() -> None:
    made = walk()
    known = LengthPrior("door", 3, np.zeros(3), 99, np.ones(3), 2.0, 0.01)
    assert "no part of the map" in tie(made.task, Knowledge(measured=(known,))).tie.refused


def test_a_metric_map_keeps_its_size_and_refuses_another_unit() -> None:
    made = walk(is_metric=True)
    tied = tie(made.task, Knowledge((made.readings(),)))
    assert tied.tie.refused == ""
    assert made.error(tied.poses) < 0.02
    assert scale_of(tied.poses[7]) == pytest.approx(1.0, abs=1e-6)
    in_feet = made.readings(sigma=0.03)
    assert in_feet.positions is not None
    refused = tie(made.task, Knowledge((replace(in_feet, positions=in_feet.positions * 3.28),)))
    assert "in which unit" in refused.tie.refused or "agree" in refused.tie.refused


def test_two_sources_share_one_metre() -> None:
    made = walk(drift=SINKING)
    turned = Rotation.from_euler("z", 40, degrees=True).as_matrix()
    second = made.readings(rotations=None, sigma=0.02, every=7)
    assert second.positions is not None
    second = replace(second, name="gps", positions=second.positions @ turned.T + 30.0)
    tied = tie(made.task, Knowledge((made.readings(every=11), second)))
    assert tied.tie.refused == ""
    assert made.error(tied.poses) < 0.03  # the world of the first


def test_edges_follow_what_placed_their_keyframes_since() -> None:
    made = walk(keyframes=5)
    poses = {k: S for k, S in made.task.poses.items() if k < 4}
    poses[3] = poses[3] @ np.diag([1.1, 1.1, 1.1, 1.0])
    moved = with_relative_poses(made.task.edges, poses)
    assert [(e.i, e.j) for e in moved] == [(0, 1), (1, 2), (2, 3)]
    np.testing.assert_allclose(poses[2] @ moved[2].S_i_j, poses[3], atol=1e-9)


def sightings(made: Walk, size: float = 1.0, seed: int = 0) -> tuple[TagSighting, ...]:
    """Of three tags that stand before keyframes, each seen by eight around it, 1 % off."""
    rng = np.random.default_rng(seed)
    sigmas = np.array([0.05] * 3 + [0.01, 0.01, 0.02, 0.02])
    found = []
    for number, middle in enumerate((3, 20, 36)):
        T_world_tag = made.T_world_frame[middle * FRAMES] @ exp_se3(np.array([0, 3, 0, 0, 0, 2.0]))
        for k in range(middle - 3, min(middle + 5, 40)):
            S = inverse(made.T_world_frame[k * FRAMES]) @ T_world_tag
            unit = 0.4 * np.exp(-made.sinking * k) * size  # metres of a keyframe's unit
            S[:3] /= unit
            wrong = exp_sim3(0.5 * sigmas * rng.normal(size=7))
            found.append(TagSighting(f"tag {number}", number, k, S @ wrong, np.diag(sigmas**-2)))
    return tuple(found)


def test_three_tags_mend_scale_and_drift() -> None:
    made = walk(drift=SINKING)
    tied = tie(made.task, Knowledge(sightings=sightings(made)))
    assert tied.tie.refused == ""
    assert tied.tie.is_metric
    scales = np.array([scale_of(tied.poses[k]) for k in range(40)])
    np.testing.assert_allclose(scales, 0.4 * np.exp(-0.01 * np.arange(40)), rtol=0.04)
    assert tied.tie.sources[-1]["agreeing"] >= 21
    assert max(tied.poses) == 39  # tags are no keyframes


def test_a_tag_that_is_put_up_everywhere_is_refused() -> None:
    made = walk()
    many = [replace(seen, tag=0) for seen in sightings(made)]
    tied = tie(made.task, Knowledge(sightings=tuple(many)))
    assert "put up once" in tied.tie.refused or "bent" in tied.tie.refused


def test_what_is_known_many_times_may_be_wrong_now_and_then_and_not_mostly() -> None:
    made = walk(drift=SINKING)
    true = np.log(0.4) - 0.01 * np.arange(40)
    known = [ScalePrior("height", k, float(true[k]), 0.02, False) for k in range(40)]
    some = [replace(each, log_metres=3.0) if each.keyframe % 5 == 0 else each for each in known]
    tied = tie(made.task, Knowledge(measured=tuple(some)))
    assert tied.tie.refused == ""
    assert tied.tie.sources[0] == {"name": "height", "readings": 40, "agreeing": 32}
    assert scale_of(tied.poses[30]) == pytest.approx(np.exp(true[30]), rel=0.02)
    rng = np.random.default_rng(0)
    wild = [replace(each, log_metres=float(rng.normal())) for each in known]
    assert "agree with one scale" in tie(made.task, Knowledge(measured=tuple(wild))).tie.refused


def test_a_map_of_one_keyframe_gets_its_unit_too() -> None:
    """As a few photographs from one place make it: there are no edges."""
    made = walk(keyframes=1)
    known = (ScalePrior("height", 0, float(np.log(0.4)), 0.02),)
    tied = tie(made.task, Knowledge(measured=known))
    assert tied.tie.refused == ""
    assert scale_of(tied.poses[0]) == pytest.approx(0.4, rel=1e-3)
