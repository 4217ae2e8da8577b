from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from mapper.errors import InputError
from mapper.io.sequences.captures.photograph import is_photograph, open_photograph

CALIBRATION = "fx: 40\nfy: 41\ncx: 31.5\ncy: 23.5\nwidth: 64\nheight: 48\n"


@pytest.fixture
def photograph(tmp_path: Path) -> Path:
    """64x48, by a lens of 27 mm."""
    exif = Image.Exif()
    exif[34665] = {41989: 27, 40962: 64, 40963: 48}
    path = tmp_path / "IMG_1.jpg"
    grey = np.random.default_rng(1).integers(0, 255, (48, 64, 3), np.uint8)
    Image.fromarray(grey).save(path, exif=exif)
    return path


def test_exif_tells_the_focal_length_of_one_picture(photograph: Path) -> None:
    assert is_photograph(photograph) and not is_photograph(photograph.parent)
    sequence = open_photograph(photograph)
    assert len(sequence) == 1 and sequence.name == "IMG_1.jpg" and sequence.intrinsics is None
    assert sequence[0].exif_focal == pytest.approx(0.75)


@pytest.mark.parametrize("beside", [True, False])
def test_a_calibration_goes_before_exif(photograph: Path, tmp_path: Path, beside: bool) -> None:
    file = tmp_path / ("calibration.yaml" if beside else "other.yaml")
    file.write_text(CALIBRATION)
    frame = open_photograph(photograph, None if beside else file)[0]
    assert frame.intrinsics is not None and frame.intrinsics.fx == 40 and frame.exif_focal is None


def test_what_is_no_picture_is_told(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no such image"):
        open_photograph(tmp_path / "none.jpg")
    (tmp_path / "text.jpg").write_text("no picture")
    with pytest.raises(InputError, match=r"text\.jpg"):
        open_photograph(tmp_path / "text.jpg")[0]
