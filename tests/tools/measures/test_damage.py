"""A byte that is damaged is told or does no harm; more seeds: python tools measures.damage."""

from __future__ import annotations

from pathlib import Path

import pytest
from measures.damage import made_files, outcome_of

from mapper.io.point_files import read_points


@pytest.mark.parametrize("kind", ["keyframe", "prediction", "points"])
def test_damaged_bytes_are_told_or_harmless(kind: str, tmp_path: Path) -> None:
    path, read = made_files(tmp_path)[kind]
    outcomes = {outcome_of(seed, path, read) for seed in range(60)}
    assert outcomes == {"refused", "same"}  # what is same is a date, or how tools read the file


def test_another_content_is_noticed(tmp_path: Path) -> None:
    """Text has no checksum."""
    path = tmp_path / "points.txt"
    path.write_text("1111111111 2222222222")
    with pytest.raises(AssertionError, match="another content"):
        list(map(outcome_of, range(60), [path] * 60, [read_points] * 60))
