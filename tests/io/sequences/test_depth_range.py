"""A wrong unit of depth shows in its range."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from mapper.errors import InputError
from mapper.io.sequences.depth_range import check_depth_range
from mapper.io.sequences.open_sequence import open_sequence


def fill(folder: Path, value: float, dtype: type) -> None:
    for path in (folder / "depth").iterdir():
        path.unlink()
        depth: np.ndarray = np.full((30, 40), value, dtype)
        if dtype is np.uint16:
            assert cv2.imwrite(str(path), depth)
        else:
            np.save(path.with_suffix(".npy"), depth)


@pytest.mark.parametrize(
    ("value", "dtype", "words"),
    [
        (2, np.uint16, "below 0.002 m, so the depth scale must be wrong"),
        (2500.0, np.float32, "beyond 2500 m, so the depth scale must be wrong"),
    ],
)
def test_depth_that_no_camera_sees(
    rgbd_folder: Path, value: float, dtype: type, words: str
) -> None:
    fill(rgbd_folder, value, dtype)
    with pytest.raises(InputError, match=words):
        check_depth_range(open_sequence(rgbd_folder))


@pytest.mark.parametrize("value", [0, 50, 2000, 60000])
def test_depth_that_may_be(rgbd_folder: Path, value: int) -> None:
    fill(rgbd_folder, value, np.uint16)
    (rgbd_folder / "depth/0.png").write_bytes(b"")  # unreadable: that frame alone
    check_depth_range(open_sequence(rgbd_folder))
