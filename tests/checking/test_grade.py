"""What a grade follows from: the predicted error, what contradicts it, and what is not known."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from mapper.checking.drift import Drift
from mapper.checking.ghosts import Ghosts
from mapper.checking.grade import GRADES, Reason, grade, misplaced
from mapper.checking.held_out import HeldOut
from mapper.checking.loops import Loops
from mapper.checking.measures import Measures
from mapper.checking.prediction import Prediction, features, predict
from mapper.checking.resolved import Resolved
from mapper.checking.revisits import Compared, Comparison
from mapper.checking.tracking import Tracking


def pair(i: int, j: int, off: float) -> Comparison:
    return Comparison(i, j, j - i, (0.0,) * 7, off, 0.0, 0.0)


def measured(local: float = 0.01, revisits: int = 6, revisited: float = 0.02) -> Measures:
    """A walk of 10 m through a room; lengths in metres."""
    pairs = [pair(k, k + 1, local) for k in range(20)]
    pairs += [pair(k, k + 12, revisited) for k in range(revisits)]
    return Measures(
        10.0,
        1.5,
        2.0,
        21,
        Compared(pairs, []),
        [HeldOut(3, 0.01, 0.005, 0.0)],
        Ghosts(0.0, 0.0, np.zeros((0, 3))),
        Drift(0.01, 0.0),
        Resolved(0.02, 0.015),
        Loops(6, 0, [], 0.0),
        Tracking(0.0, 0.0, [], 0.0),
        False,
    )


def predicted(ate: float, is_tied: bool = True) -> Prediction:
    return Prediction(ate, ate / 2, 2 * ate, 10.0, is_tied)


def test_the_letter_follows_the_predicted_error() -> None:
    letters = [
        grade(measured(), predicted(ate)).letter for ate in (0.01, 0.08, 0.15, 0.3, 0.7, 2.0)
    ]
    assert "".join(letters) == GRADES


def test_a_map_that_saw_no_place_again_is_unsure_and_never_an_a() -> None:
    given = grade(measured(revisits=0), predicted(0.001, is_tied=False))
    assert (given.letter, given.is_sure) == ("B", False)
    assert Reason.UNTIED in given.reasons
    assert grade(measured(), predicted(0.001)).is_sure


def test_what_is_misplaced_spoils_the_best_grade() -> None:
    good = measured()
    wrong = [pair(2, 15, 0.4), pair(3, 16, 0.5)]
    torn = replace(good, compared=Compared([*good.compared.pairs, *wrong], []))
    given = grade(torn, predicted(0.001))
    assert given.letter == "D" and Reason.MISPLACED in given.reasons
    assert misplaced(torn) == wrong[::-1]
    assert grade(good, predicted(0.001)).reasons == ()


def test_what_views_refute_is_misplaced_by_less() -> None:
    """6 cm of 2 m: views that might as well be there say nothing, such as cannot do."""
    off = [pair(2, 15, 0.06), pair(3, 16, 0.06)]
    good = measured()
    open_ones = replace(good, compared=Compared([*good.compared.pairs, *off], []))
    assert misplaced(open_ones) == []
    off = [replace(each, is_refuted=True) for each in off]
    torn = replace(good, compared=Compared([*good.compared.pairs, *off], []))
    assert misplaced(torn) == off and grade(torn, predicted(0.001)).letter == "D"


@pytest.mark.parametrize(
    "worse",
    [
        measured(local=0.05),
        measured(revisited=0.3),
        replace(measured(), drift=Drift(0.1, 0.0)),
        replace(measured(), resolved=Resolved(0.2, 0.015)),
        replace(measured(), resolved=Resolved(0.02, 0.15)),
        measured(revisits=20, revisited=0.1),
    ],
)
def test_no_measure_that_gets_worse_makes_the_prediction_better(worse: Measures) -> None:
    assert predict(worse).ate >= predict(measured()).ate
    assert all(features(worse)[n] >= value for n, value in features(measured()).items())


def test_one_pair_counts_where_views_that_follow_each_other_cannot_be_so() -> None:
    good = measured()
    step = replace(pair(7, 8, 0.3), is_refuted=True)
    for alone, letter in ((step, "D"), (replace(step, is_refuted=False), "A")):
        torn = replace(good, compared=Compared([*good.compared.pairs, alone], []))
        assert grade(torn, predicted(0.001)).letter == letter
    far = replace(pair(2, 15, 0.3), is_refuted=True)
    torn = replace(good, compared=Compared([*good.compared.pairs, far], []))
    assert grade(torn, predicted(0.001)).letter == "A"


def test_the_spread_is_wider_where_nothing_ties_the_map() -> None:
    tied, untied = predict(measured()), predict(measured(revisits=0))
    assert untied.high / untied.ate >= tied.high / tied.ate > 1
    assert tied.low < tied.ate < tied.high and not untied.is_tied


def test_an_error_in_units_scales_with_the_map() -> None:
    """Twice as large in all lengths: twice the error, the same share of the way."""
    small = measured()
    pairs = [replace(p, off=2 * p.off) for p in small.compared.pairs]
    large = replace(
        small,
        way=20.0,
        extent=3.0,
        depth=4.0,
        compared=Compared(pairs, []),
        drift=replace(small.drift, step=2 * small.drift.step),
        resolved=Resolved(2 * small.resolved.moved, 2 * small.resolved.spread),
    )
    assert predict(large).ate == pytest.approx(2 * predict(small).ate)
    assert predict(large).share == pytest.approx(predict(small).share)


def test_noise_that_moves_the_map_by_more_than_was_expected_is_a_reason() -> None:
    found = predicted(0.02)
    raised = found.raised_to(0.5)
    assert raised.ate == pytest.approx(0.5) and raised.high == pytest.approx(0.5)
    assert found.raised_to(0.001) == found
    assert Reason.SPREAD in grade(measured(), found, spread=0.5).reasons
