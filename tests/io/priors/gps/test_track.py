"""Fixes as metres in a local frame, and how certain they are."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from mapper.core.pose_readings import GeoOrigin
from mapper.errors import InputError
from mapper.io.priors.gps.track import Fixes, east_north_up, gps_readings

NONE = np.full(4, np.nan)
FIXES = Fixes(
    np.array([3.0, 1.0, 2.0, 2.0]),
    np.array([47.002, 47.0, 47.001, 10.0]),
    np.array([8.0, 8.0, 8.001, 8.0]),
    np.array([402.0, 400.0, 401.0, 0.0]),
    np.array([2.0, 0.5, np.nan, 1.0]),
)


def test_a_degree_is_as_long_as_on_the_ellipsoid() -> None:
    """A second of latitude and of longitude at 45 degrees: 30.87 and 21.90 m, by WGS 84's radii."""
    origin, second = GeoOrigin(45.0, 8.0, 0.0), 1 / 3600
    moved = east_north_up(
        origin,
        np.array([45 + second, 45.0, 45.0]),
        np.array([8.0, 8 + second, 8.0]),
        np.array([0.0, 0.0, 12.0]),
    )
    expected = np.array([[0, 30.870, 0], [21.903, 0, 0], [0, 0, 12.0]])
    np.testing.assert_allclose(moved, expected, atol=2e-3)


def test_the_first_fix_is_the_origin() -> None:
    readings = gps_readings("a.gpx", FIXES, None)
    np.testing.assert_array_equal(readings.times, [1, 2, 3])
    assert readings.origin == GeoOrigin(47.0, 8.0, 400.0)
    assert readings.positions is not None and not readings.drifts and readings.is_metric
    np.testing.assert_allclose(readings.positions[0], 0, atol=1e-6)
    np.testing.assert_allclose(readings.positions[1], [76.06, 111.17, 1.0], atol=0.05)
    np.testing.assert_allclose(readings.sigma, [3, 3, 6])
    assert readings.vertical == 2.0
    np.testing.assert_allclose(gps_readings("a", FIXES, 1.0).sigma, [1, 1, 2])


def test_without_altitude_the_ground_is_level() -> None:
    readings = gps_readings("a.kml", replace(FIXES, altitudes=NONE), None)
    assert readings.origin is not None and readings.origin.altitude == 0
    assert readings.positions is not None and np.abs(readings.positions[:, 2]).max() < 0.01
    assert readings.vertical == 20.0


def test_what_is_no_track() -> None:
    with pytest.raises(InputError, match="no fixes"):
        gps_readings("a.gpx", Fixes(*[np.zeros(0)] * 5), None)
    with pytest.raises(InputError, match="2 fixes of different times"):
        gps_readings("a.gpx", replace(FIXES, times=np.array([1.0, 1, 2, 2])), None)
    with pytest.raises(InputError, match="latitude 4700, longitude 8, which is nowhere"):
        gps_readings("a.gpx", replace(FIXES, latitudes=np.full(4, 4700.0)), None)


@pytest.mark.parametrize("nowhere", [(0.0, 0.0), (np.nan, np.nan)])
def test_what_a_receiver_writes_before_it_knows_its_place_is_left_out(
    nowhere: tuple[float, float],
) -> None:
    times, places = np.arange(6.0), 47 + 1e-5 * np.arange(6)
    latitudes, longitudes = places.copy(), np.full(6, 8.0)
    latitudes[:2], longitudes[:2] = nowhere
    none = np.full(6, np.nan)
    readings = gps_readings("a.gpx", Fixes(times, latitudes, longitudes, none, none), None)
    np.testing.assert_array_equal(readings.times, [2, 3, 4, 5])
    assert readings.origin == GeoOrigin(places[2], 8.0, 0.0)
    with pytest.raises(InputError, match="0 fixes of different times"):
        gps_readings("a.gpx", Fixes(times, 0 * times, 0 * times, none, none), None)


def test_a_first_fix_far_away_does_not_say_what_is_up_for_the_others() -> None:
    times, latitudes = np.arange(9.0), 47 + 1e-5 * np.arange(9)
    latitudes[0] = 12.0
    none = np.full(9, np.nan)
    readings = gps_readings("a.gpx", Fixes(times, latitudes, np.full(9, 8.0), none, none), None)
    assert readings.origin == GeoOrigin(latitudes[1], 8.0, 0.0) and len(readings) == 9
    assert readings.positions is not None
    np.testing.assert_allclose(readings.positions[1:, 2], 0, atol=1e-3)  # level
