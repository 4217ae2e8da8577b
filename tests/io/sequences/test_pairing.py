"""Which depth image belongs to which colour image, and in which order images come."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from mapper.errors import InputError
from mapper.io.sequences.image_files import natural_order
from mapper.io.sequences.open_sequence import open_sequence
from mapper.io.sequences.pairing import pair_files, times_in_names
from tests.support.images import write_depth, write_image


def paths(*names: str) -> list[Path]:
    return [Path(name) for name in names]


@pytest.mark.parametrize(
    ("color", "depth", "pairs", "how"),
    [
        (["0.jpg", "1.jpg", "2.jpg"], ["1.png", "2.png", "3.png"], [(1, 0), (2, 1)], "name"),
        (["rgb_007.jpg", "rgb_8.jpg"], ["depth_8.png", "depth_007.png"], [(0, 1), (1, 0)], "name"),
        (["frame-01.color.png"], ["frame-01.depth.png"], [(0, 0)], "name"),
        (["IMG_0012.jpg", "IMG_0013.jpg"], ["D12.png", "D13.png"], [(0, 0), (1, 1)], "name"),
        (
            ["1600000000.70.png", "1600000000.80.png"],
            ["1600000000.71.png", "1600000000.95.png"],
            [(0, 0)],
            "time",
        ),
        (
            ["1600000000700000000.png", "1600000000800000000.png"],
            ["1600000000.695.png", "1600000000.805.png"],
            [(0, 0), (1, 1)],
            "time",
        ),
        (["a.jpg", "b.jpg"], ["x.png", "y.png"], [(0, 0), (1, 1)], "order"),
    ],
)
def test_partners(
    color: list[str], depth: list[str], pairs: list[tuple[int, int]], how: str
) -> None:
    found = pair_files(paths(*color), paths(*depth))
    assert list(zip(found.color.tolist(), found.depth.tolist(), strict=True)) == pairs
    assert found.how == how
    assert len(found.lonely_color) == len(color) - len(pairs)
    assert len(found.lonely_depth) == len(depth) - len(pairs)


@pytest.mark.parametrize(
    ("color", "depth"),
    [
        (["a.jpg", "b.jpg", "c.jpg"], ["x.png", "y.png"]),
        (["1.25.png", "1.50.png"], ["9.25.png", "9.75.png"]),  # times, of other moments
        (["20240115123045_1.png"], ["20240115123049_2.png", "20240115123059_3.png"]),  # dates
    ],
)
def test_without_any_partner_nothing_is_guessed(color: list[str], depth: list[str]) -> None:
    with pytest.raises(InputError, match=f"{color[0]} has no partner"):
        pair_files(paths(*color), paths(*depth))


@pytest.mark.parametrize(
    "names",
    [
        ["1600000000.7", "1600000000.73", "1600000000.77", "1600000000.8", "1600000001.0"],
        ["frame2", "frame10", "frame10b", "frame11"],
        ["1.2", "1.9", "1.10", "1.20"],  # parts of a first chapter
        ["0.05", "0.10", "0.15", "0.20"],
    ],
)
def test_numbers_count_as_numbers(names: list[str]) -> None:
    shuffled = [Path(f"{names[i]}.jpg") for i in np.random.default_rng(3).permutation(len(names))]
    assert [path.stem for path in natural_order(shuffled)] == names


def test_times_in_names() -> None:
    names = ("1600000000.5.png", "1600000000600.png", "1600000000700123.png")
    times = times_in_names(paths(*names, "1600000000800456789.png"))
    assert times is not None
    np.testing.assert_allclose(times - 1.6e9, [0.5, 0.6, 0.700123, 0.800457], atol=1e-6)
    assert times_in_names(paths("1600000000.5.png", "12.png")) is None
    assert times_in_names(paths("20240115123045.png")) is None  # a date, by the second


def test_a_folder_tells_who_has_no_partner(rgbd_folder: Path) -> None:
    (rgbd_folder / "depth/4.png").unlink()
    (rgbd_folder / "rgb/7.png").unlink()
    sequence = open_sequence(rgbd_folder)
    assert [int(frame.image[0, 0, 0]) // 10 for frame in sequence] == [0, 1, 2, 3, 5, 6, 8, 9, 10]
    assert sequence.notes[0].startswith("1 of 10 colour images have no depth of their name, 1 of")
    np.testing.assert_allclose(sequence.lonely_times, [4 / 30])
    half = open_sequence(rgbd_folder, start=2, max_frames=3)
    np.testing.assert_allclose(half.lonely_times, [4 / 30])


@pytest.mark.parametrize("marks", [("{}_color", "{}_depth"), ("a{}", "b{}")])
def test_colour_and_depth_in_one_folder(
    tmp_path: Path, marks: tuple[str, str], rgbd_folder: Path
) -> None:
    folder = tmp_path / "mixed"
    for i in range(3):
        write_image(folder / f"{marks[0].format(i)}.png", i)
        write_depth(folder / f"{marks[1].format(i)}.png", 2000)
    (rgbd_folder / "calibration.yaml").rename(folder / "calibration.yaml")
    sequence = open_sequence(folder)
    assert len(sequence) == 3 and sequence.has_depth
    frame = sequence[2]
    assert frame.image[0, 0, 0] == 20 and frame.depth is not None and frame.depth[0, 0] == 2
