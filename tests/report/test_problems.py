"""What went wrong is said, and nothing of a good run."""

from __future__ import annotations

import numpy as np

from mapper.report.problems import problems

GOOD = {"frames": 8, "tracked": 8, "lost": 0, "skipped": 0, "mesh_vertices": 9}


def test_a_good_map_says_nothing_but_what_the_reader_noted() -> None:
    assert problems(GOOD, np.arange(8.0), []) == []
    found = problems(GOOD | {"input_notes": ["2 of 5 lines repeat a time"]}, np.arange(8.0), [])
    assert found == ["Of the input: 2 of 5 lines repeat a time."]
