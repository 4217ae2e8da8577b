"""The page of what appeared and what vanished."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from mapper.comparing.page import change_in_words, summary, write_changes


def record(units: str = "metres", **kinds: list[dict[str, Any]]) -> dict[str, Any]:
    nothing: dict[str, list[dict[str, Any]]] = {"appeared": [], "vanished": []}
    names = {"earlier": "monday", "later": "tuesday", "world": "monday"}
    return {**names, "units": units, "min_size": 0.1, **nothing, **kinds}


CHAIR = {"centre": [1.0, -0.25, 3.456], "size": [0.5, 0.42, 0.9], "area": 0.8}


def test_sizes_and_places_are_told() -> None:
    assert change_in_words(CHAIR, "metres") == "50 cm x 42 cm x 90 cm at 1.00, -0.25, 3.46"
    assert change_in_words(CHAIR, "units").startswith("0.50 units x")


def test_the_summary_counts() -> None:
    found = record(appeared=[CHAIR], vanished=[CHAIR, CHAIR])
    assert summary(found) == "1 thing appeared and 2 things vanished, of 10 cm or more."
    assert summary(record()).startswith("Nothing of 10 cm or more differs")


def test_the_page_holds_all_of_it(tmp_path: Path) -> None:
    page = tmp_path / "diff.html"
    picture = np.zeros((4, 6, 3), np.uint8)
    write_changes(page, record(vanished=[CHAIR]), [picture])
    text = page.read_text()
    assert "tuesday against monday" in text and "vanished 1" in text and "90 cm" in text
    assert "0.80 m2" in text and "data:image/png" in text and "Nothing." in text
