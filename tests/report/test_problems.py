"""What went wrong is said, and why a map is empty."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from mapper.report.problems import problems, thin_map

GOOD = {"frames": 8, "tracked": 8, "lost": 0, "skipped": 0, "mesh_vertices": 9}


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"tracked": 1, "lost": 7}, "1 of 8 frames: the others show too little"),
        ({"tracked": 1, "skipped": 7}, "1 of 8 frames: most could not be read"),
        ({"mesh_vertices": 0}, "The mesh is empty"),
    ],
)
def test_a_thin_map_says_why(change: dict[str, Any], words: str) -> None:
    (sentence,) = thin_map(GOOD | change)
    assert words in sentence


def test_a_good_map_says_nothing_but_what_the_reader_noted() -> None:
    assert thin_map(GOOD) == [] and thin_map({"frames": 1, "tracked": 1}) == []
    found = problems(GOOD | {"input_notes": ["2 of 5 lines repeat a time"]}, np.arange(8.0), [])
    assert found == ["Of the input: 2 of 5 lines repeat a time."]
