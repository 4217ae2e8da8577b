"""What is no fault is noted: what the reader found, and how many loops were refused."""

from __future__ import annotations

from mapper.backend.loops.loop_decision import Refusal
from mapper.report.notes import notes
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
