"""How much memory a cache may take."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from mapper.frontends.vggt.cache.budget import free_bytes, free_in_container
from mapper.frontends.vggt.options import parse_bytes


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
