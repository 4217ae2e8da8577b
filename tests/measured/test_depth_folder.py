"""Depth images are put to frames by what their names say, and never silently by their order."""

from __future__ import annotations

import logging
from pathlib import Path

import cv2
import numpy as np
import pytest

from mapper.errors import InputError
from mapper.measured.depth_folder import DepthFolder, MappedFrames


def write(folder: Path, *names: str) -> Path:
    """Each a millimetre further away than the one before, from 1 m on."""
    folder.mkdir(exist_ok=True)
    for number, name in enumerate(names):
        cv2.imwrite(str(folder / name), np.full((2, 3), 1000 + number, np.uint16))
    (folder / ".DS_Store").write_text("")
    return folder


def frames(*names: str, numbers: range | None = None) -> MappedFrames:
    times = np.arange(len(names)) / 10
    return MappedFrames(tuple(map(Path, names)), times, numbers or range(len(names)))


def film(numbers: range) -> MappedFrames:
    return MappedFrames((Path("a.mp4"),) * len(numbers), np.array(numbers) / 10, numbers)


def found(folder: DepthFolder, count: int) -> list[int | None]:
    """Millimetres beyond 1 m of each frame's depth."""
    depths = [folder.depth(frame) for frame in range(count)]
    return [None if d is None else round(1000 * float(d[0, 0]) - 1000) for d in depths]


def test_by_name_whatever_more_there_is(tmp_path: Path) -> None:
    names = [f"depth_{n:04d}.png" for n in (3, 4, 5, 6, 7, 9)]
    folder = DepthFolder(
        write(tmp_path / "d", *names), frames(*(f"rgb_{n:04d}.jpg" for n in (4, 6, 8, 9)))
    )
    assert found(folder, 4) == [1, 3, None, 5]
    assert len(folder) == 3


def test_by_time(tmp_path: Path) -> None:
    write(tmp_path / "d", "100.01.png", "100.06.png", "100.11.png", "100.21.png")
    folder = DepthFolder(tmp_path / "d", frames("100.00.png", "100.10.png", "100.20.png"))
    assert found(folder, 3) == [0, 2, 3]


def test_of_a_video_by_number_or_time(tmp_path: Path) -> None:
    write(tmp_path / "zero", *(f"{n:03d}.png" for n in range(9)))
    assert found(DepthFolder(tmp_path / "zero", film(range(2, 9, 3))), 3) == [2, 5, 8]
    write(tmp_path / "one", *(f"{n:03d}.png" for n in range(1, 10)))
    assert found(DepthFolder(tmp_path / "one", film(range(2, 9, 3))), 3) == [2, 5, 8]
    write(tmp_path / "times", "0.21.png", "0.31.png", "0.51.png")
    assert found(DepthFolder(tmp_path / "times", film(range(2, 6))), 4) == [0, 1, None, 2]


def test_by_order_with_a_warning(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    write(tmp_path / "d", "a.png", "b.png", "c.png")
    with caplog.at_level(logging.WARNING):
        assert found(DepthFolder(tmp_path / "d", frames("x.png", "y.png", "z.png")), 3) == [0, 1, 2]
        assert found(DepthFolder(tmp_path / "d", film(range(3))), 3) == [0, 1, 2]
    assert caplog.text.count("in their order, as no name tells") == 2


def test_what_nothing_tells_is_refused(tmp_path: Path) -> None:
    write(tmp_path / "d", "a.png", "b.png", "c.png")
    with pytest.raises(InputError, match="3 depth images for 2 frames of a video"):
        DepthFolder(tmp_path / "d", film(range(2)))
    with pytest.raises(InputError, match="3 depth images for 2 colour images"):
        DepthFolder(tmp_path / "d", frames("x.png", "y.png"))
    with pytest.raises(InputError, match="no such folder"):
        DepthFolder(tmp_path / "none", film(range(2)))
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match="no depth images"):
        DepthFolder(tmp_path / "empty", film(range(2)))
