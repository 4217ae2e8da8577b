"""Colour images find the depth image of their moment as soon as it is certain which that is."""

from __future__ import annotations

from mapper.io.ros2.pairing import QUEUED, Pairer

MS = 10**6
SLOP = 20 * MS


def test_the_nearest_depth_is_taken_once_no_nearer_can_come() -> None:
    pairs = Pairer(SLOP)
    assert pairs.depth(90 * MS, "d90") == []
    assert pairs.color(100 * MS, "c100") == []  # one at 105 would be nearer
    assert pairs.depth(105 * MS, "d105") == [("c100", "d105")]
    assert pairs.lonely_depth == 1 and pairs.lonely_color == 0


def test_depth_that_comes_just_before_colour_is_not_waited_for() -> None:
    pairs = Pairer(SLOP)
    found = []
    for k in range(4):
        found += pairs.depth((33 * k + 1) * MS, f"d{k}")
        found += pairs.color((33 * k + 3) * MS, f"c{k}")
    # The first waits for the second, by which the interval becomes known.
    assert found == [("c0", "d0"), ("c1", "d1"), ("c2", "d2"), ("c3", "d3")]


def test_what_has_no_partner_is_left_out_and_counted() -> None:
    pairs = Pairer(SLOP)
    assert pairs.color(0, "c0") == []
    assert pairs.depth(50 * MS, "d50") == []
    assert pairs.lonely_color == 1
    assert pairs.color(50 * MS, "c50") == [("c50", "d50")]


def test_a_stream_alone_does_not_pile_up() -> None:
    pairs = Pairer(SLOP)
    for k in range(QUEUED + 7):
        assert pairs.color(k, k) == []
    assert pairs.lonely_color == 7
    for k in range(QUEUED + 7):
        pairs.depth(10**12 + k, k)
    assert pairs.lonely_depth == 7 and pairs.lonely_color == QUEUED + 7
