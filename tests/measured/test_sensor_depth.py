"""Depths of a sensor tell how many metres a keyframe's unit is, whatever of them is wrong."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from mapper.errors import InputError
from mapper.measured.sensor_depth import of_keyframe, read_sparse

METRES = 1.3  # of a keyframe's unit


def readings(count: int, wrong: float = 0.0, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """By the sensor and by the keyframe, 3 % off each; a share of them of other things."""
    rng = np.random.default_rng(seed)
    predicted = rng.uniform(0.5, 4, count)
    sensed = METRES * predicted * np.exp(0.03 * rng.normal(size=count))
    others = rng.random(count) < wrong
    sensed[others] *= rng.uniform(1.5, 3, others.sum())
    return sensed, predicted


@pytest.mark.parametrize("count", [20, 1000])
def test_the_scale_is_the_middle_of_the_ratios(count: int) -> None:
    for seed in range(5):
        found = of_keyframe("lidar", 3, *readings(count, wrong=0.2, seed=seed))
        assert found is not None and (found.keyframe, found.is_certain) == (3, False)
        assert np.exp(found.log_metres) == pytest.approx(METRES, rel=0.03)
        assert 0.02 < found.sigma < 0.04


def test_few_or_contradictory_readings_say_nothing() -> None:
    sensed, predicted = readings(20)
    assert of_keyframe("lidar", 0, sensed[:4], predicted[:4]) is None
    holes = np.where(np.arange(20) < 16, 0, sensed), np.where(np.arange(20) > 17, np.nan, predicted)
    assert of_keyframe("lidar", 0, *holes) is None
    assert of_keyframe("lidar", 0, np.random.default_rng(0).permutation(sensed), predicted) is None


def test_a_file_of_readings(tmp_path: Path) -> None:
    path = tmp_path / "range.txt"
    path.write_text("# time u v metres\n2.0 30 40 1.5\n1.0,10,20,0.5\n2.01 31 41 1.6\n")
    found = read_sparse(path)
    pixels, metres = found.at(2.0, 0.05)
    np.testing.assert_array_equal(pixels, [[30, 40], [31, 41]])
    np.testing.assert_array_equal(metres, [1.5, 1.6])
    found.check_overlap(np.array([0.0, 1.5]))
    with pytest.raises(InputError, match=r"do not overlap: 7\.990 s apart"):
        found.check_overlap(np.array([10.0, 11.0]))


@pytest.mark.parametrize("line", ["1 2 3", "1 2 3 x", "1 2 3 nan"])
def test_a_line_that_is_no_reading_is_named(tmp_path: Path, line: str) -> None:
    path = tmp_path / "range.txt"
    path.write_text(f"1 2 3 4\n{line}\n")
    with pytest.raises(InputError, match=r"range\.txt:2: expected `timestamp u v metres`"):
        read_sparse(path)
    path.write_text("# nothing\n")
    with pytest.raises(InputError, match="no readings"):
        read_sparse(path)
