"""Segments of unknown scale come out in units of one size, metric ones as they went in."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from mapper.backend.keyframes.segment_units import (
    NOMINAL_DEPTH,
    SegmentUnits,
    depth_ratio,
    median_depth,
)
from mapper.core.pose_uncertainty import PoseUncertainty
from mapper.core.prediction import Prediction
from tests.support.room_views import Room, in_units


def unscaled(room: Room, index: int, units: float, segment: int = 0) -> Prediction:
    """A frame as a frontend that does not know the unit sees it."""
    return in_units(room.prediction(index, segment=segment), units)


def test_metric_predictions_are_left_alone(room: Room) -> None:
    prediction = room.prediction(3)
    assert SegmentUnits()(prediction) is prediction


def test_the_first_view_is_scaled_to_the_size_of_a_room(room: Room) -> None:
    scaled = SegmentUnits()(unscaled(room, 0, 0.013))
    assert median_depth(scaled) == pytest.approx(NOMINAL_DEPTH, rel=1e-5)


def test_the_unit_that_the_frontend_chose_does_not_matter(room: Room) -> None:
    small, large = SegmentUnits(), SegmentUnits()
    for index in (0, 4, 8):
        a, b = small(unscaled(room, index, 0.01)), large(unscaled(room, index, 50.0))
        np.testing.assert_allclose(a.pointmap, b.pointmap, rtol=1e-5)
        np.testing.assert_allclose(a.T_world_camera, b.T_world_camera, atol=1e-5)


def test_one_factor_holds_for_a_whole_segment(room: Room) -> None:
    units = SegmentUnits()
    factor = NOMINAL_DEPTH / median_depth(unscaled(room, 0, 0.3))
    for index in (0, 20, 60):
        raw = unscaled(room, index, 0.3)
        scaled = units(raw)
        np.testing.assert_allclose(scaled.pointmap, raw.pointmap * factor, rtol=1e-5)
        np.testing.assert_allclose(
            scaled.T_world_camera[:3, 3], raw.T_world_camera[:3, 3] * factor, rtol=1e-9
        )
        np.testing.assert_array_equal(scaled.T_world_camera[:3, :3], raw.T_world_camera[:3, :3])
    assert units.factor(0) == pytest.approx(factor)


def test_a_shared_frame_brings_two_segments_to_one_scale(room: Room) -> None:
    units = SegmentUnits()
    units(unscaled(room, 0, 1.0))
    last = units(unscaled(room, 10, 1.0))
    first = units(unscaled(room, 10, 3.7, segment=1))
    np.testing.assert_allclose(first.pointmap, last.pointmap, rtol=1e-5)
    assert units.factor(0) / units.factor(1) == pytest.approx(3.7, rel=1e-5)
    later = units(unscaled(room, 14, 3.7, segment=1))
    expected = room.prediction(14).pointmap * units.factor(0)
    np.testing.assert_allclose(later.pointmap, expected, rtol=1e-5)


def test_the_shared_frame_may_be_wrong_in_places(room: Room) -> None:
    units = SegmentUnits()
    units(unscaled(room, 10, 1.0))
    second = unscaled(room, 10, 3.7, segment=1)
    second.pointmap[:80] *= np.float32(2.0)  # a third of the image
    second.pointmap[80:100] = np.nan
    units(second)
    assert units.factor(0) / units.factor(1) == pytest.approx(3.7, rel=1e-5)


def test_a_segment_without_a_shared_frame_starts_from_its_own_median(room: Room) -> None:
    units = SegmentUnits()
    units(unscaled(room, 0, 1.0))
    scaled = units(unscaled(room, 120, 3.7, segment=1))
    assert median_depth(scaled) == pytest.approx(NOMINAL_DEPTH, rel=1e-5)


def test_the_prediction_itself_is_not_changed(room: Room) -> None:
    raw = unscaled(room, 10, 0.2)
    before = raw.pointmap.copy()
    SegmentUnits()(raw)
    np.testing.assert_array_equal(raw.pointmap, before)


def test_a_view_without_points_goes_through(room: Room) -> None:
    raw = unscaled(room, 0, 1.0)
    empty = replace(raw, pointmap=np.full_like(raw.pointmap, np.nan))
    assert median_depth(empty) == 1.0
    assert np.isfinite(SegmentUnits()(empty).T_world_camera).all()
    assert depth_ratio(raw, empty) is None


def test_an_interrupted_run_is_taken_up_in_its_own_units(room: Room) -> None:
    whole = SegmentUnits()
    whole(unscaled(room, 0, 1.0))
    last = whole(unscaled(room, 90, 1.0))
    resumed = SegmentUnits()
    resumed.resume({0: whole.factor(0)}, median_depth(last))
    again = resumed(unscaled(room, 90, 3.7, segment=1))  # the last frame, seen once more
    np.testing.assert_allclose(again.pointmap, last.pointmap, rtol=1e-5)
    assert resumed.factor(0) == whole.factor(0)
    # Only the first segment begins there.
    later = resumed(unscaled(room, 120, 5.0, segment=2))
    assert median_depth(later) == pytest.approx(NOMINAL_DEPTH, rel=1e-5)


def test_how_well_a_pose_is_known_is_scaled_with_it(room: Room) -> None:
    raw = unscaled(room, 0, 0.1)
    known = PoseUncertainty(0, np.diag([1e-6] * 3 + [4e-8] * 3))
    scaled = SegmentUnits()(replace(raw, uncertainty=known)).uncertainty
    factor = NOMINAL_DEPTH / median_depth(raw)
    assert scaled is not None and scaled.reference_index == 0
    assert scaled.sigma_rotation == pytest.approx(known.sigma_rotation)
    nowhere = np.zeros(3)
    ratio = scaled.sigma_position(nowhere) / known.sigma_position(nowhere)
    assert ratio == pytest.approx(factor)
