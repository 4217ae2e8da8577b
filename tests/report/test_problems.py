"""What went wrong is said, and nothing of a good run."""

from __future__ import annotations

import numpy as np

from mapper.report.problems import problems

GOOD = {"frames": 8, "tracked": 8, "lost": 0, "skipped": 0, "mesh_vertices": 9}


def test_a_good_map_has_no_problems_whatever_the_reader_noted() -> None:
    found = GOOD | {"weak_frames": {"known": 8, "held": 0, "spans": []}}
    assert problems(found | {"input_notes": ["2 of 5 lines repeat a time"]}, np.arange(8.0)) == []


def test_frames_that_were_held_by_the_motion_are_told_with_their_times() -> None:
    spans = [
        {"start_s": 4.1, "end_s": 6.0, "frames": 11},
        {"start_s": 70.0, "end_s": 70.1, "frames": 1},
    ]
    (text,) = problems(
        GOOD | {"weak_frames": {"known": 90, "held": 12, "spans": spans}}, np.arange(8.0)
    )
    assert text.startswith("12 frames were held by the motion before, as the views told too little")
    assert text.endswith(": 00:04 to 00:06, 01:10.")


def test_frames_in_parts_of_their_own_are_told_apart_from_those_without_a_place() -> None:
    lost = GOOD | {"frames": 20, "lost": 12, "apart": 9}
    texts = problems(lost, np.arange(8.0))
    assert texts[0] == "3 frames could not be placed."
    assert texts[1] == "9 frames lie in parts of the map that nothing sure joins to this one."
    texts = problems(lost | {"apart": 12}, np.arange(8.0))
    assert texts[0].startswith("12 frames lie in parts of the map")


def test_what_hangs_on_a_guess_is_told() -> None:
    weak = {"known": 90, "held": 1, "spans": [], "guessed_s": [12.4]}
    *_, text = problems(GOOD | {"weak_frames": weak}, np.arange(8.0))
    assert text.startswith("What comes after 00:12 may lie a decimetre aside: the camera was lost")
    many = {**weak, "guessed_s": [float(10 * k) for k in range(7)]}
    *_, text = problems(GOOD | {"weak_frames": many}, np.arange(8.0))
    assert "00:40 and 2 more may" in text
