"""Each quantity takes what lies on its bounds where they are its own, and nothing beyond."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import TypeAdapter, ValidationError

from mapper.core import quantities

ABOVE_ZERO = [
    *("Positive", "Metres", "Units", "Sigmas", "Voxels", "Megabytes"),
    *("Probability", "PositiveShare"),
]
FROM_ZERO = [
    *("NonNegative", "Share", "MetresOrZero", "UnitsOrZero"),
    *("Radians", "LogScale", "SigmasOrZero", "SecondsOrZero"),
]
LEAST = {
    **dict.fromkeys(("Whole", "PixelsOrZero", "FramesOrZero", "KeyframesOrZero"), 0),
    **dict.fromkeys(("Count", "Pixels", "Frames", "Keyframes"), 1),
    "AtLeastTwo": 2,
}


def takes(name: str, value: Any) -> bool:
    try:
        TypeAdapter(getattr(quantities, name)).validate_python(value)
    except ValidationError:
        return False
    return True


@pytest.mark.parametrize("name", ABOVE_ZERO + FROM_ZERO)
def test_numbers_begin_at_zero_or_above_it(name: str) -> None:
    assert takes(name, 0.5) and not takes(name, -1e-9)
    assert takes(name, 0.0) == (name in FROM_ZERO)
    assert takes(name, 1e-9)


@pytest.mark.parametrize("name", ["Share", "PositiveShare", "Probability"])
def test_shares_end_at_one(name: str) -> None:
    assert takes(name, 1.0) == (name != "Probability")
    assert takes(name, 0.999) and not takes(name, 1.001)


@pytest.mark.parametrize("name", LEAST)
def test_counts_begin_at_their_least(name: str) -> None:
    assert takes(name, LEAST[name]) and not takes(name, LEAST[name] - 1)
    assert not takes(name, LEAST[name] + 0.5)


@pytest.mark.parametrize(
    ("device", "is_one"),
    [("cpu", True), ("cuda:1", True), ("MPS", True), ("cuda:", True), ("gpu", False)]
    + [("cuda:x", False), ("cpu:-1", False)],
)
def test_a_device_is_a_kind_and_perhaps_a_number(device: str, is_one: bool) -> None:
    assert takes("Device", device) == is_one
