"""What went wrong is said, and nothing of a good run."""

from __future__ import annotations

import numpy as np

from mapper.report.problems import problems

GOOD = {"frames": 8, "tracked": 8, "lost": 0, "skipped": 0, "mesh_vertices": 9}


def test_a_good_map_has_no_problems_whatever_the_reader_noted() -> None:
    assert problems(GOOD | {"input_notes": ["2 of 5 lines repeat a time"]}, np.arange(8.0)) == []
