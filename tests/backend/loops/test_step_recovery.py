"""Where a frontend jumped, what both views show says how the camera moved."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from mapper.backend.keyframes.keyframe_map import KeyframeMap
from mapper.backend.keyframes.map_cache import MapCache
from mapper.backend.loops import edge_measurement
from mapper.backend.loops.edge_measurement import (
    EdgeConfig,
    OdometryMeasurement,
    measure_odometry,
)
from mapper.backend.loops.second_opinion import Opinion, Support
from mapper.backend.loops.step_recovery import recognised_start, recover_step
from mapper.backend.loops.view_consistency import two_way_consistency
from mapper.core.geometry import exp_se3, inverse
from mapper.core.prediction import Prediction
from mapper.core.sim3 import rigid_part, scale_of
from mapper.vision.dense_alignment import Alignment, AlignmentConfig
from mapper.vision.orb import OrbMatcher
from tests.support.room_views import Room, distance, in_units, keyframe_of

FIRST, SECOND = 0, 8


def recovered(a: Prediction, b: Prediction, free_scale: bool = False) -> Alignment | None:
    """From a's keyframe to b's, whatever their predictions say of the poses."""
    maps = MapCache(None, 10)
    for k, prediction in enumerate((a, b)):
        maps.put(k, KeyframeMap.of(prediction))
    return recover_step(
        keyframe_of(0, a), keyframe_of(1, b), maps, AlignmentConfig(), OrbMatcher(), free_scale
    )


def lost(prediction: Prediction) -> Prediction:
    """The frontend believes the camera to be five metres off, and turned round."""
    T = np.diag([-1.0, 1.0, -1.0, 1.0])
    T[0, 3] = 5.0
    return replace(prediction, T_world_camera=T)


def test_features_alone_put_the_view_near_its_place(room: Room) -> None:
    previous, new = (keyframe_of(k, room.prediction(f)) for k, f in enumerate((FIRST, SECOND)))
    found = recognised_start(previous, new, OrbMatcher(), free_scale=False)
    assert found is not None and found[1] >= 12
    metres, degrees = distance(found[0], room.relative(FIRST, SECOND))
    assert metres < 0.05 and degrees < 1.0  # matched pixels and noisy depth


def test_views_without_features_are_not_recognised(room: Room) -> None:
    previous, new = (
        keyframe_of(k, room.prediction(f), blind=True) for k, f in enumerate((FIRST, SECOND))
    )
    assert recognised_start(previous, new, OrbMatcher(), free_scale=False) is None
    assert recognised_start(previous, new, OrbMatcher(), free_scale=True) is None


def test_a_jump_of_the_frontend_is_undone(room: Room) -> None:
    found = recovered(room.prediction(FIRST), lost(room.prediction(SECOND)))
    assert found is not None
    metres, degrees = distance(found.S_reference_source, room.relative(FIRST, SECOND))
    assert metres < 5e-3 and degrees < 0.2  # as well as an edge that needed no recovery


def test_a_jump_of_the_unit_is_undone(room: Room) -> None:
    a, b = in_units(room.prediction(FIRST), 1.0), in_units(room.prediction(SECOND), 1.25)
    found = recovered(a, lost(b), free_scale=True)
    assert found is not None
    assert scale_of(found.S_reference_source) == pytest.approx(1 / 1.25, rel=0.01)


def test_depth_that_does_not_agree_is_not_believed(room: Room) -> None:
    """The same walls half as far again: the features match, the surfaces do not."""
    new = lost(room.prediction(SECOND))
    further = replace(new, pointmap=new.pointmap * np.float32(1.5))
    assert recovered(room.prediction(FIRST), further) is None


def test_surfaces_that_contradict_in_one_direction_only_are_not_believed(room: Room) -> None:
    """A quarter of the new view looks through the walls of the old one, which hide it from that."""
    factors = np.ones((1, 320, 1), np.float32)
    factors[:, 240:] = 1.2
    new = room.prediction(SECOND)
    new = lost(replace(new, pointmap=new.pointmap * factors))
    previous, maps = room.prediction(FIRST), MapCache(None, 10)
    for k, prediction in enumerate((previous, new)):
        maps.put(k, KeyframeMap.of(prediction))
    a, b = (maps.pyramid(k).levels[0] for k in range(2))
    old_in_new, new_in_old = two_way_consistency(a, b, room.relative(FIRST, SECOND))
    assert old_in_new.agreement < 0.75 < 0.95 < new_in_old.agreement
    assert min(old_in_new.overlap, new_in_old.overlap) > 0.4  # and would be enough
    assert recovered(previous, new) is None


def seeing(a: Prediction, b: Prediction) -> OdometryMeasurement:
    """The step from a's keyframe to b's; neither is changed."""
    maps = MapCache(None, 4)
    for k, prediction in enumerate((a, b)):
        maps.put(k, KeyframeMap.of(prediction))
    previous, new = keyframe_of(0, a), keyframe_of(1, b)
    step = new.T_previous_keyframe = inverse(a.T_world_camera) @ b.T_world_camera
    found = measure_odometry(previous, new, maps, EdgeConfig(), OrbMatcher(), False)
    assert new.T_previous_keyframe is step
    return found


def test_a_jump_is_handed_back(room: Room) -> None:
    """The features say where the new keyframe is; whoever keeps it notes that down."""
    jump = room.relative(0, 5) @ exp_se3(np.array([0, 0, 0, 0.3, 0, 0]))
    a, b = room.prediction(0), room.prediction(5, jump)
    found = seeing(a, b)
    assert found.aligned and found.T_previous_new is not None
    metres, degrees = distance(found.T_previous_new, room.relative(0, 5))
    assert metres < 5e-3 and degrees < 0.2
    np.testing.assert_array_equal(found.T_previous_new, rigid_part(found.edge.S_i_j))
    assert seeing(a, room.prediction(5)).T_previous_new is None


def test_a_jump_that_would_look_as_right_elsewhere_is_not_made(
    room: Room, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Features of stairs lead to the next step but one: the frontend, which followed all frames in
    between, knows better, though not for sure."""

    def doubtful(pair: object, aligned: Alignment, *others: object) -> Opinion:
        return Opinion(aligned, Support.OPEN)

    monkeypatch.setattr(edge_measurement, "second_opinion", doubtful)
    jump = room.relative(0, 5) @ exp_se3(np.array([0, 0, 0, 0.3, 0, 0]))
    found = seeing(room.prediction(0), room.prediction(5, jump))
    np.testing.assert_allclose(found.edge.S_i_j, jump, atol=1e-12)
    assert not found.aligned and not found.edge.is_confirmed and found.T_previous_new is None
    right = seeing(room.prediction(0), room.prediction(5))
    assert right.aligned and not right.edge.is_confirmed
