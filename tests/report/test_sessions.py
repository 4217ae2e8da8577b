"""Which run is which in a merged one."""

from __future__ import annotations

from typing import Any

from mapper.report.sessions import session_rows, sessions_in_words, units_apart


def session(name: str, **fields: Any) -> dict[str, Any]:
    return {
        "name": name,
        "path": f"/runs/{name}",
        "first_frame": 0,
        "first_keyframe": 0,
        "frames": 400,
        "keyframes": 14,
        "seconds": 0.0,
        "units": "metres",
        "scale": 1.0,
        **fields,
    }


MERGED = {
    "sessions": [
        session("a"),
        session("b", first_frame=400, first_keyframe=14, seconds=5.0, units="units", scale=0.912),
    ]
}


def test_each_session_has_its_frames_and_times() -> None:
    first, second = sessions_in_words(MERGED)
    assert first == "a: frames 0 to 399, keyframes 0 to 13, times as they were"
    assert second == "b: frames 400 to 799, keyframes 14 to 27, times + 5 s, scale 0.9120"
    assert [row.cells[0] for row in session_rows(MERGED)] == ["/runs/a", "/runs/b"]


def test_a_run_that_was_not_merged_has_none() -> None:
    assert session_rows({"frames": 3}) == [] and units_apart({"frames": 3}) == []


def test_two_that_should_both_be_in_metres_are_told_apart() -> None:
    assert units_apart(MERGED) == []  # one without a unit may have any scale
    off = {"sessions": [session("a"), session("b", scale=1.08)]}
    (sentence,) = units_apart(off)
    assert sentence.startswith("b is in metres") and "one metre of it is 1.080 m" in sentence
