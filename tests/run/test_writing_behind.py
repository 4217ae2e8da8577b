"""Keyframes and journal are written in a thread of their own, in their order."""

from __future__ import annotations

import threading
from pathlib import Path

import numpy as np
import pytest

from mapper.backend.keyframes.keyframe_map import KeyframeMap
from mapper.errors import OutputError
from mapper.run.keyframe_files import KeyframeFiles
from mapper.run.writing_behind import WritingBehind
from tests.support.room_views import Room, keyframe_of


def test_nobody_waits_and_what_is_asked_for_is_whole(room: Room, tmp_path: Path) -> None:
    store = WritingBehind(KeyframeFiles(tmp_path), threaded=True)
    held, order = threading.Event(), list[str]()

    def slow() -> None:
        held.wait(10)
        order.append("first")

    store.put(slow)
    keyframe, keyframe_map = keyframe_of(3, room.prediction(0)), KeyframeMap.of(room.prediction(0))
    store.save(keyframe, keyframe_map)
    store.put(lambda: order.append("last"))
    assert not KeyframeFiles(tmp_path).path(3).exists() and not order
    held.set()
    np.testing.assert_array_equal(store.load(3).depth, keyframe_map.depth)
    store.close()
    assert order == ["first", "last"]


@pytest.mark.parametrize("threaded", [False, True])
def test_a_full_disk_is_told_and_nothing_follows(tmp_path: Path, threaded: bool) -> None:
    store, done = WritingBehind(KeyframeFiles(tmp_path), threaded), list[int]()

    def full() -> None:
        raise OutputError("the disk is full")

    def write() -> None:
        store.put(full)
        store.settle()

    with pytest.raises(OutputError, match="full"):
        write()
    with pytest.raises(OutputError, match="full"):
        store.put(lambda: done.append(1))
    store.close()
    assert not done
