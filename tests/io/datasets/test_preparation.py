"""What prepared folders hold, told by their names, their times or their root."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from mapper.io.datasets.preparation import preparation, stride_of_names, stride_of_times


@pytest.mark.parametrize(
    ("names", "stride"),
    [
        (["frame_0000", "frame_0001", "frame_0002"], None),  # counted anew
        (["1", "2", "3"], None),
        (["0000000005", "0000000006", "0000000007"], 1),  # a drive's own numbers
        (["0", "3", "6", "10"], 3),  # one is missing
        (["0000000005", "0000000007"], 2),
        (["drive_image_0000000005_image_02", "drive_image_0000000009_image_02"], None),
        (["a", "b"], None),
        (["7"], None),
    ],
)
def test_numbers_in_names_tell_the_stride(names: list[str], stride: int | None) -> None:
    assert stride_of_names([Path(f"color_90/{name}.jpg") for name in names]) == stride


@pytest.mark.parametrize("stride", [1, 3, 10])
def test_times_tell_the_stride_though_a_frame_was_dropped(stride: int) -> None:
    times = 1305031102.1 + np.delete(np.arange(0, 300, stride), 4) / 30
    times += np.random.default_rng(0).uniform(-0.004, 0.004, len(times))
    assert stride_of_times(times, 30.0) == stride


def test_counts_in_place_of_times_tell_nothing() -> None:
    assert stride_of_times(np.arange(9.0), 30.0) is None
    assert stride_of_times(np.array([0.5]), 30.0) is None
    assert stride_of_times(0.01 * np.arange(9), 30.0) is None  # poses at 100/s


def test_the_root_tells_the_stride_where_names_do_not() -> None:
    for root, told, expected in (
        ("long_scannet_s3", None, (3, True)),
        ("long_tum_s1", 2, (2, True)),
        ("scannetv2", None, (5, False)),
    ):
        prepared = preparation(Path("data") / root / "scene/color_90", told, 5, 90)
        assert (prepared.stride, prepared.is_told) == expected
