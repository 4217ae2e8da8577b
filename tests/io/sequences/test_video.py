"""Times of a video whose frame rate varies."""

from __future__ import annotations

import struct
from pathlib import Path

import cv2
import numpy as np

from mapper.io.sequences.open_sequence import open_sequence

COUNT, RATE = 30, 10.0


def steady_video(path: Path) -> Path:
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"mp4v"), RATE, (64, 48))
    for i in range(COUNT):
        writer.write(np.full((48, 64, 3), 8 * i, np.uint8))
    writer.release()
    return path


def with_durations(content: bytes, runs: list[tuple[int, float]]) -> bytes:
    """An MP4 with another table of durations (stts): so many frames of so many usual lengths."""
    at = content.index(b"stts")
    (old,), (tick,) = (struct.unpack_from(">I", content, at + place) for place in (-4, 16))
    entries = b"".join(struct.pack(">II", n, int(length * tick)) for n, length in runs)
    table = b"stts" + struct.pack(">II", 0, len(runs)) + entries
    table = struct.pack(">I", 4 + len(table)) + table
    changed = bytearray(content[: at - 4] + table + content[at - 4 + old :])
    for parent in (b"moov", b"trak", b"mdia", b"minf", b"stbl"):
        place = changed.index(parent) - 4
        size = struct.unpack_from(">I", changed, place)[0]
        struct.pack_into(">I", changed, place, size + len(table) - old)
    return bytes(changed)


def test_a_video_of_a_varying_rate_keeps_its_times(tmp_path: Path) -> None:
    path = steady_video(tmp_path / "steady.mp4")
    steady = open_sequence(path)
    np.testing.assert_allclose(steady.timestamps, np.arange(COUNT) / RATE)
    assert steady.notes == ()
    varying = tmp_path / "varying.mp4"
    varying.write_bytes(with_durations(path.read_bytes(), [(10, 1.0), (10, 0.5), (10, 1.5)]))
    sequence = open_sequence(varying)
    gaps = np.repeat([0.1, 0.05, 0.15], [10, 10, 9])
    np.testing.assert_allclose(np.diff(sequence.timestamps), gaps, atol=1e-3)
    assert "the frame rate varies" in sequence.notes[0]
    assert abs(float(sequence[25].image.mean()) - 200) < 5


def test_a_video_that_was_filmed_upright_stands_upright(tmp_path: Path) -> None:
    """A phone stores it lying, with a matrix in the track's header that turns it by a quarter."""
    path = tmp_path / "upright.mp4"
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"mp4v"), 30, (160, 120))
    image = np.zeros((120, 160, 3), np.uint8)
    image[:40] = 250  # bright on top, which a quarter clockwise brings to the right
    for _ in range(4):
        writer.write(image)
    writer.release()
    content = bytearray(path.read_bytes())
    matrix = content.index(b"tkhd") + 4 + 4 + 20 + 8 + 8  # of version 0, behind times and layers
    one = 1 << 16
    content[matrix : matrix + 36] = struct.pack(">9i", 0, one, 0, -one, 0, 0, 120 * one, 0, 1 << 30)
    path.write_bytes(content)
    upright = open_sequence(path)[3].image
    assert upright.shape == (160, 120, 3)
    assert upright[:, 100:].mean() > 200 and upright[:, :60].mean() < 50
