"""What became of what is known of a map, in words."""

from __future__ import annotations

import pytest

from mapper.report.knowledge import in_feet, tied_in_words, untied
from mapper.report.notes import notes

SOURCE = {"name": "track.gpx", "readings": 215, "agreeing": 194}
TIED = {"priors": {"metric": True, "sources": [SOURCE], "origin": [47.5, 8.25, 401.0]}}


def test_a_tie_is_told_with_unit_and_place() -> None:
    first, second = tied_in_words(TIED)
    assert first == "tied to track.gpx: 194 of 215 readings agree"
    assert second == (
        "the map is in metres, x to the east and y to the north of 47.500000 N 8.250000 E, 401.0 m"
    )
    assert untied(TIED) == [] and notes(TIED, [])[0] == f"T{first[1:]}."


def test_poses_without_a_unit() -> None:
    poses = {"name": "sparse/0", "readings": 9, "agreeing": 9, "units_per_unit": 2.0}
    account = {"priors": {"metric": False, "sources": [poses], "origin": []}}
    assert tied_in_words(account)[1] == "the map is in the unit of those poses"


@pytest.mark.parametrize(("height", "is_odd"), [(1.5, False), (4.9, True), (9.0, False)])
def test_what_would_be_a_hands_height_in_feet_is_told(height: float, is_odd: bool) -> None:
    told = in_feet({"camera_height": height})
    assert bool(told) == is_odd
    if is_odd:
        assert "was 4.9 m over the floor" in told[0] and "(1.5 m then)" in told[0]
    assert in_feet({}) == []


def test_an_upright_map() -> None:
    log = {"name": "imu.csv", "readings": 9, "agreeing": 8, "tells": "up"}
    account = {"priors": {"metric": False, "sources": [log], "origin": [], "upright": True}}
    assert tied_in_words(account) == [
        "tied to imu.csv: 8 of 9 readings agree",
        "the map is in a unit of its own, z is up",
    ]


def test_what_was_left_out_is_a_warning() -> None:
    refused = {"priors": {"refused": "gps: 3 of 90 readings agree"}}
    assert tied_in_words(refused) == []
    (warning,) = untied(refused)
    assert warning.endswith("as if it were not: gps: 3 of 90 readings agree.")
    assert untied({}) == [] and tied_in_words({}) == []
