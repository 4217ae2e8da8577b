"""How much memory a cache may take."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from mapper.frontends.vggt.cache.budget import (
    SLOW_FRAMES,
    TimeBudget,
    free_bytes,
    free_in_container,
)
from mapper.frontends.vggt.cache.pages import FrameCache
from mapper.frontends.vggt.cache.session_options import SessionOptions
from mapper.frontends.vggt.options import parse_bytes
from mapper.frontends.vggt.session import StreamSession
from tests.support.networks.vggt_networks import random_images, random_network


def test_sizes_are_read_as_people_write_them() -> None:
    sizes: list[int | str] = ["8GB", "512 MiB", "1.5kb", 2000, "7"]
    assert [parse_bytes(size) for size in sizes] == [8 * 10**9, 512 * 2**20, 1500, 2000, 7]
    for wrong in ("8 apples", "", "-3GB", "0"):
        with pytest.raises(ValueError, match="like 8GB"):
            parse_bytes(wrong)
    assert free_bytes(torch.device("cpu")) > 10**6


def test_a_container_may_have_less_memory_than_its_machine(tmp_path: Path) -> None:
    assert free_in_container(tmp_path) is None  # no control groups, as elsewhere than on Linux
    (tmp_path / "memory.stat").write_text("anon 3000\nfile 9000\n")
    (tmp_path / "memory.max").write_text("max\n")
    assert free_in_container(tmp_path) is None
    (tmp_path / "memory.max").write_text("10000\n")
    assert free_in_container(tmp_path) == 7000


def test_a_hitch_does_not_spend_the_time() -> None:
    budget = TimeBudget(20)
    slow, quick = 0.03, 0.01
    told = [budget.is_spent(s) for s in (slow, slow, quick, slow, slow, slow, slow, quick)]
    assert told == [False] * (2 + SLOW_FRAMES) + [True, True, False]
    assert not any(TimeBudget(0).is_spent(100.0) for _ in range(9))


def test_a_cache_that_makes_frames_slow_grows_no_more(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    clock = iter(range(100))  # a second a look
    monkeypatch.setattr("mapper.frontends.vggt.session.time.perf_counter", lambda: next(clock))
    session = StreamSession(random_network(), SessionOptions(frame_ms=10.0))
    held = []
    for image in random_images(6):
        session.step(image[None])
        assert isinstance(session.frames, FrameCache)
        held.append(len(session.frames.frames))
    assert held == [1, 2, 3, 3, 3, 3]
    assert caplog.text.count("the cache stays at 3 frames") == 1
    clock = iter(range(100))
    window = StreamSession(random_network(), SessionOptions(mode="window", frame_ms=10.0))
    for image in random_images(8):
        window.step(image[None])
    assert isinstance(window.frames, FrameCache) and len(window.frames.frames) == 6
