"""A step between keyframes of which the views tell too little stays the frontend's, as well known
as that is."""

from __future__ import annotations

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
from mapper.core.depth_noise import STRUCTURED_LIGHT, depth_confidence
from mapper.core.geometry import backproject, exp_se3, inverse
from mapper.core.prediction import Prediction
from mapper.vision.dense_alignment import Alignment
from mapper.vision.orb import OrbMatcher
from tests.support.room_views import Room, keyframe_of
from tests.support.views.bare_walls import wall_frame

CONFIG = EdgeConfig()


def measured(a: Prediction, b: Prediction, found_again: bool = False) -> OdometryMeasurement:
    maps, keyframes = MapCache(None, 10), []
    for k, prediction in enumerate((a, b)):
        maps.put(k, KeyframeMap.of(prediction))
        keyframes.append(keyframe_of(k, prediction, blind=True))
    previous, new = keyframes
    new.T_previous_keyframe = inverse(a.T_world_camera) @ b.T_world_camera
    new.is_found = found_again
    return measure_odometry(previous, new, maps, CONFIG, OrbMatcher(), False)


def bare_wall(index: int, turned: float) -> Prediction:
    """Of a depth camera that turns on the spot."""
    frame = wall_frame(index, turned)
    assert frame.depth is not None and frame.intrinsics is not None
    points = backproject(frame.depth, frame.intrinsics)
    confidence = depth_confidence(frame.depth, STRUCTURED_LIGHT.coefficients)
    T = exp_se3(np.array([0, turned, 0, 0, 0, 0]))
    camera, image = frame.intrinsics, frame.image
    return Prediction(
        index, index / 30, points, confidence, T, camera, image, True, noise=STRUCTURED_LIGHT
    )


@pytest.mark.parametrize(
    ("support", "metres", "goes"),
    [
        (Support.HOLDS, 0.6, True),
        (Support.OPEN, 0.6, False),  # who climbs stairs would be found a step further on as well
        (Support.OPEN, 0.04, True),  # as far as a frontend may be off
    ],
)
def test_a_step_goes_elsewhere_only_beyond_doubt(
    room: Room, monkeypatch: pytest.MonkeyPatch, support: Support, metres: float, goes: bool
) -> None:
    elsewhere = room.relative(0, 5) @ exp_se3(np.array([0, 0, 0, metres, 0, 0]))
    aligned = Alignment(elsewhere, 1.0, 1.0, 0.0, 1e4 * np.eye(7), True, pixels=1)
    opinion = Opinion(aligned, support, is_elsewhere=True)
    monkeypatch.setattr(edge_measurement, "second_opinion", lambda *_: opinion)
    found = measured(room.prediction(0), room.prediction(5))
    expected = elsewhere if goes else room.relative(0, 5)
    np.testing.assert_allclose(found.edge.S_i_j, expected, atol=1e-9)
    assert found.edge.is_confirmed == (support == Support.HOLDS)
    assert found.aligned == goes and (found.T_previous_new is not None) == goes


@pytest.mark.parametrize(("found_again", "least"), [(False, 0.01), (True, 0.1)])
def test_along_a_bare_wall_a_step_is_known_as_well_as_the_frontend_knows_it(
    found_again: bool, least: float
) -> None:
    """To 2 cm, and ten times worse after a camera was lost in between."""
    found = measured(bare_wall(0, 0.0), bare_wall(1, np.radians(2.0)), found_again)
    along = np.sqrt(np.diag(np.linalg.inv(found.edge.information))[3:5])
    assert (along > least).all() and (along < 10 * least).all()
