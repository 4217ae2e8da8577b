"""Reading ahead, parts of sequences, and the fingerprint."""

from __future__ import annotations

import gc
import threading
import time
from pathlib import Path

import numpy as np
import pytest

from mapper.errors import InputError
from mapper.io.sequences.fingerprint import fingerprint
from mapper.io.sequences.open_sequence import open_sequence
from mapper.io.sequences.prefetch import Prefetch


def reader_threads() -> list[threading.Thread]:
    return [t for t in threading.enumerate() if t.name == "mapper-prefetch" and t.is_alive()]


def wait_for_no_threads() -> bool:
    deadline = time.monotonic() + 60.0
    while reader_threads() and time.monotonic() < deadline:
        time.sleep(0.01)
    return not reader_threads()


class Slow:
    """A sequence that counts what was read and fails at one index."""

    timestamps = np.arange(100.0)

    def __init__(self, error_at: int = -1, error: Exception | None = None) -> None:
        self.read: list[int] = []
        self.error_at, self.error = error_at, error

    def __len__(self) -> int:
        return 100

    def __getitem__(self, index: int) -> int:
        self.read.append(index)
        if index == self.error_at and self.error:
            raise self.error
        return index


def test_frames_come_in_order_and_the_unreadable_as_errors(tum: Path) -> None:
    (tum / "rgb/2.png").write_bytes(b"")
    items = list(Prefetch(open_sequence(tum), start=1))
    assert isinstance(items[1], InputError) and "rgb/2.png" in str(items[1])
    assert [item.index for item in items if not isinstance(item, InputError)] == [1, 3, 4]
    assert wait_for_no_threads()


def test_the_queue_is_bounded_and_close_ends_the_thread() -> None:
    sequence = Slow()
    with Prefetch(sequence, queue_length=4) as frames:  # type: ignore[arg-type]
        assert next(frames) == 0
        time.sleep(0.1)
        assert len(sequence.read) <= 6  # taken, four waiting, one in hand
    assert not reader_threads()
    assert list(frames) == []


def test_an_abandoned_reader_ends_its_thread() -> None:
    frames = Prefetch(Slow())  # type: ignore[arg-type]
    next(frames)
    del frames
    gc.collect()
    assert wait_for_no_threads()


def test_other_errors_reach_the_caller() -> None:
    frames = Prefetch(Slow(3, ZeroDivisionError("a fault")))  # type: ignore[arg-type]
    assert [next(frames) for _ in range(3)] == [0, 1, 2]
    with pytest.raises(ZeroDivisionError):
        next(frames)
    assert not reader_threads()


def test_a_subsequence_numbers_anew_and_keeps_times(rgbd_folder: Path) -> None:
    sequence = open_sequence(rgbd_folder, start=2, stride=3, max_frames=2)
    assert len(sequence) == 2
    assert [sequence[i].index for i in range(2)] == [0, 1]
    assert [int(sequence[i].image[0, 0, 0]) for i in range(2)] == [20, 50]
    np.testing.assert_allclose(sequence.timestamps, np.array([2, 5]) / 30)
    assert sequence[1].timestamp == sequence.timestamps[1]
    with pytest.raises(IndexError):
        sequence[2]


def test_the_fingerprint_tells_inputs_apart(rgbd_folder: Path) -> None:
    original = fingerprint(open_sequence(rgbd_folder))
    assert fingerprint(open_sequence(rgbd_folder)) == original and len(original) == 64
    assert fingerprint(open_sequence(rgbd_folder, stride=2)) != original
    assert fingerprint(open_sequence(rgbd_folder, max_frames=5)) != original
    moved = rgbd_folder.rename(rgbd_folder.with_name("moved"))
    assert fingerprint(open_sequence(moved)) == original
    with (moved / "rgb/10.png").open("ab") as file:
        file.write(b"\0")
    assert fingerprint(open_sequence(moved)) != original


def test_the_fingerprint_needs_no_readable_video_frame(video: Path) -> None:
    sequence = open_sequence(video)
    assert fingerprint(sequence) == fingerprint(open_sequence(video))
