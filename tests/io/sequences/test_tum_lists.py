"""TUM's lists as programs of all systems write them, and true poses with gaps."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest

from mapper.errors import InputError
from mapper.io.sequences.open_sequence import open_sequence
from mapper.io.sequences.truth_files import read_truth

TRUTH = "# a comment\n2 1 0 0 0 0 0 1\n1 0 0 0 0 0 0 1\n1 9 0 0 0 0 0 1\n3 nan nan nan 0 0 0 1\n"


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "latin-1"])
def test_lists_of_every_encoding_and_line_end(tum: Path, encoding: str) -> None:
    for name in ("rgb.txt", "depth.txt"):
        lines = ["# Größe" if "8" in encoding or "16" in encoding else "# Grosse"]
        lines += (tum / name).read_text().splitlines()[1:]
        (tum / name).write_bytes("\r\n".join(lines).encode(encoding))
    assert len(open_sequence(tum)) == 5


def test_names_with_spaces_commas_and_backslashes(tum: Path) -> None:
    (tum / "rgb/1.png").rename(tum / "rgb/my image 1.png")
    lines = (tum / "rgb.txt").read_text().splitlines()
    lines[1] = lines[1].replace(" ", ",")
    lines[2] = lines[2].replace("rgb/1.png", "rgb/my image 1.png")
    lines[3] = lines[3].replace("/", "\\")
    lines[4] = lines[4].replace(" ", "\t") + " 1 2 3"
    (tum / "rgb.txt").write_text("\n".join(lines))
    assert [int(frame.image[0, 0, 0]) // 10 for frame in open_sequence(tum)] == [0, 1, 2, 3, 4]


def test_lines_that_stand_twice_or_out_of_order(tum: Path) -> None:
    lines = (tum / "rgb.txt").read_text().splitlines()
    lines[2], lines[3] = lines[3], lines[2]
    (tum / "rgb.txt").write_text("\n".join([*lines, lines[-1]]))
    sequence = open_sequence(tum)
    assert [int(frame.image[0, 0, 0]) // 10 for frame in sequence] == [0, 1, 2, 3, 4]
    assert sequence.notes == (
        "rgb.txt: the times go back 1 times; sorted by time",
        "rgb.txt: 1 of 6 lines repeat a time: passed over",
    )


def test_times_in_nanoseconds(tum: Path) -> None:
    for name in ("rgb", "depth"):
        lines = [f"{1_600_000_000_000_000_000 + i * 10**8} {name}/{i}.png" for i in range(5)]
        (tum / f"{name}.txt").write_text("\n".join(lines))
    np.testing.assert_allclose(np.diff(open_sequence(tum).timestamps), 0.1, atol=1e-6)


@pytest.mark.parametrize("depth_first", [False, True])
def test_associations_are_enough(tum: Path, depth_first: bool) -> None:
    (tum / "rgb.txt").unlink()
    (tum / "depth.txt").unlink()
    pairs = [(f"{i}.5 rgb/{i}.png", f"{i}.51 depth/{i}.png") for i in range(4)]
    lines = [" ".join(pair[::-1] if depth_first else pair) for pair in pairs]
    (tum / "associations.txt").write_text("\n".join(lines))
    sequence = open_sequence(tum)
    assert sequence.timestamps.tolist() == [0.5, 1.5, 2.5, 3.5]
    frame = sequence[3]
    assert frame.image[0, 0, 0] == 30 and frame.depth is not None
    np.testing.assert_allclose(frame.depth, 1.3, rtol=1e-6)


def test_depth_without_its_list_is_matched_by_names_or_asked_for(tum: Path) -> None:
    (tum / "depth.txt").unlink()
    for i in range(5):
        (tum / f"depth/{i}.png").rename(tum / f"depth/{100.004 + 0.1 * i:.3f}.png")
    sequence = open_sequence(tum)
    assert len(sequence) == 5 and sequence.has_depth
    assert sequence.notes[0].startswith("depth.txt is missing")
    shutil.rmtree(tum / "depth")
    (tum / "depth").mkdir()
    (tum / "depth/one.png").write_bytes(b"")
    with pytest.raises(InputError, match=r"depth.txt is missing"):
        open_sequence(tum)


def test_how_many_have_no_partner_is_told(tum: Path) -> None:
    lines = (tum / "depth.txt").read_text().splitlines()
    (tum / "depth.txt").write_text("\n".join([lines[0], *lines[1::2]]))
    sequence = open_sequence(tum)
    assert len(sequence) == 3
    assert sequence.notes == ("2 of 5 colour images have no depth within 0.02 s: left out",)
    np.testing.assert_allclose(sequence.lonely_times, [100.1, 100.3])


def test_true_poses_with_gaps(tmp_path: Path) -> None:
    (tmp_path / "truth.txt").write_bytes(TRUTH.encode("utf-16"))
    truth, notes = read_truth(tmp_path / "truth.txt")
    assert truth.timestamps.tolist() == [1, 2] and truth.positions[:, 0].tolist() == [0, 1]
    assert notes == (
        "truth.txt: 1 of 4 lines hold no pose: passed over",
        "truth.txt: 1 of 3 poses repeat a time: passed over",
    )
    (tmp_path / "truth.txt").write_text("# nothing\n")
    with pytest.raises(InputError, match="there are no poses"):
        read_truth(tmp_path / "truth.txt")
