"""The focal length that photographs carry: told to whoever looks for the camera, and no camera."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from mapper.io.sequences.bounded import BoundedSequence
from mapper.io.sequences.open_sequence import open_sequence

ORIENTATION, EXIF, FOCAL = 274, 34665, 41989
TAKEN_WIDTH, TAKEN_HEIGHT = 40962, 40963


def photograph(
    path: Path, focal: int, orientation: int = 1, taken: tuple[int, int] = (64, 48)
) -> None:
    """64x48 stored pixels. focal: 0 = EXIF without one."""
    exif = Image.Exif()
    exif[ORIENTATION] = orientation
    told = {TAKEN_WIDTH: taken[0], TAKEN_HEIGHT: taken[1]}
    exif[EXIF] = told | ({FOCAL: focal} if focal else {})
    grey = np.random.default_rng(1).integers(0, 255, (48, 64, 3), np.uint8)
    Image.fromarray(grey).save(path, exif=exif)


@pytest.mark.parametrize("kind", ["jpg", "png"])
@pytest.mark.parametrize(("orientation", "shape"), [(1, (48, 64)), (6, (64, 48))])
def test_photographs_of_one_lens_tell_its_focal_length(
    tmp_path: Path, kind: str, orientation: int, shape: tuple[int, int]
) -> None:
    """27 mm of 36 are three quarters of the longer side, lying or standing."""
    for number in range(3):
        photograph(tmp_path / f"{number}.{kind}", 27, orientation)
    sequence = open_sequence(tmp_path)
    assert sequence.intrinsics is None  # what is good to a few per cent is no camera
    frames = [sequence[1], open_sequence(tmp_path, start=1)[0], BoundedSequence(sequence, 32)[1]]
    assert [frame.exif_focal for frame in frames] == [pytest.approx(0.75)] * 3
    assert all(frame.intrinsics is None for frame in frames)
    assert frames[0].image.shape[:2] == shape


@pytest.mark.parametrize("others", [0, 50])
def test_photographs_that_do_not_agree_tell_nothing(tmp_path: Path, others: int) -> None:
    photograph(tmp_path / "0.jpg", 27)
    photograph(tmp_path / "1.jpg", others)
    assert open_sequence(tmp_path)[0].exif_focal is None


def test_a_picture_that_was_cut_tells_nothing(tmp_path: Path) -> None:
    photograph(tmp_path / "0.jpg", 27, taken=(128, 72))
    assert open_sequence(tmp_path)[0].exif_focal is None
    photograph(tmp_path / "0.jpg", 27, taken=(640, 480))  # made smaller, as a whole
    assert open_sequence(tmp_path)[0].exif_focal == pytest.approx(0.75)


def test_a_calibration_goes_before_it(tmp_path: Path) -> None:
    photograph(tmp_path / "0.jpg", 27)
    (tmp_path / "calibration.yaml").write_text(
        "color: {width: 64, height: 48, fx: 60, fy: 60, cx: 31.5, cy: 23.5}\n"
    )
    frame = open_sequence(tmp_path)[0]
    assert frame.intrinsics is not None and frame.exif_focal is None


@pytest.mark.parametrize(
    ("first", "second", "told"),
    [
        ({"focal": 5000}, {"focal": 5000}, "5000 mm, which cannot be"),
        ({"focal": 26}, {"focal": 52}, "several focal lengths"),
        ({"focal": 26, "taken": (128, 72)}, {"focal": 26}, "1 of 2 images have not the shape"),
        ({"focal": 26, "orientation": 6, "taken": (48, 64)}, {"focal": 26}, "turned already"),
    ],
)
def test_exif_that_lies_is_told(
    tmp_path: Path, first: dict[str, Any], second: dict[str, Any], told: str
) -> None:
    photograph(tmp_path / "0.jpg", **first)
    photograph(tmp_path / "1.jpg", **second)
    assert any(told in note for note in open_sequence(tmp_path).notes)


def test_exif_that_tells_the_truth_or_nothing_makes_no_note(tmp_path: Path) -> None:
    photograph(tmp_path / "0.jpg", 26, orientation=6)
    photograph(tmp_path / "1.jpg", 0)
    assert open_sequence(tmp_path).notes == ()
