"""What is no fault is noted: what the reader found, and how many loops were refused."""

from __future__ import annotations

from typing import Any

from mapper.backend.loops.loop_decision import Refusal
from mapper.report.notes import moved_in_words, notes
from tests.support.made_up_records import loop


def test_a_run_with_nothing_to_note_has_no_notes() -> None:
    assert notes({"frames": 6, "tracked": 6}, [loop(0, 1)]) == []


def test_what_the_reader_noted_is_told() -> None:
    found = notes({"input_notes": ["2 of 5 lines repeat a time"]}, [])
    assert found == ["Of the input: 2 of 5 lines repeat a time."]


def test_refused_loops_are_counted_by_their_reasons() -> None:
    refusals = [Refusal.AGREEMENT, Refusal.AGREEMENT, Refusal.CONTRADICTED, Refusal.DISTANCE]
    loops = [loop(0, 2, refusal) for refusal in refusals] + [loop(0, 2)]
    (text,) = notes({}, loops)
    counted = "the views contradict each other (2), given up by the graph (1)"
    counted += ", cameras too far apart (1)"
    assert text == f"4 of 5 proposed loops were refused: {counted}."


def thing(area: float) -> dict[str, Any]:
    return {
        "seen_from_s": 0.5,
        "seen_until_s": 4.04,
        "gone_by_s": 6.0,
        "keyframes": [0, 1],
        "centre": [1.0, -2.004, 0.5],
        "size": [0.4, 0.42, 0.9],
        "area": area,
    }


def test_what_moved_is_told_with_its_size_place_and_time() -> None:
    metrics = {"units": "metres", "moving": {"removed": True, "things": [thing(1.0)]}}
    where = "40 x 42 x 90 cm at (1.00, -2.00, 0.50)"
    when = "seen there from 0.5 to 4.0 s, gone by 6.0 s"
    assert moved_in_words(metrics) == [f"a thing of {where} moved: {when}"]
    assert notes(metrics, []) == [f"A thing of {where} moved: {when}."]
    (line,) = moved_in_words({**metrics, "units": "units"})
    assert "0.40 x 0.42 x 0.90 units" in line


def test_of_many_things_that_moved_the_largest_are_told() -> None:
    metrics = {"moving": {"removed": False, "things": [thing(1.0)] * 8}}
    lines = moved_in_words(metrics)
    assert len(lines) == 7
    assert lines[5] == "3 smaller things moved too" and "still in the map" in lines[6]
    assert moved_in_words({"moving": {"removed": False, "things": []}}) == []
