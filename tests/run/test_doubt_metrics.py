"""What a map says against itself arrives in metrics.json, and from there in words."""

from __future__ import annotations

import json

import numpy as np
import pytest

from mapper.backend.self_doubt.doubt import SelfDoubt
from mapper.backend.self_doubt.doubtful_stretches import DoubtfulStretch
from mapper.backend.self_doubt.edge_conflicts import EdgeConflict, EdgeConflicts
from mapper.backend.self_doubt.leaps import Leap
from mapper.backend.self_doubt.loose_stretches import LooseStretch
from mapper.backend.self_doubt.misplacement import Misplacement
from mapper.backend.self_doubt.place_knowledge import PlaceKnowledge
from mapper.backend.self_doubt.strained_loops import StrainedLoop
from mapper.backend.self_doubt.unconfirmed_joins import UnconfirmedJoin
from mapper.report.doubts import doubts
from mapper.report.problems import problems
from mapper.run.doubt_metrics import doubt_metrics

START = 1_700_000_000.0  # seconds: stamps are those of a clock


def test_a_doubt_is_plain_numbers_and_sentences() -> None:
    stretch = DoubtfulStretch(
        START + 12.0, START + 19.2, START + 3.1, 7, 0.11, Misplacement(0.23, 0.2)
    )
    wrong = EdgeConflict(4, 9, 31.0, Misplacement(0.5, 20.0))
    edges = EdgeConflicts(40, (wrong, wrong), 30, (), 3)
    found = doubt_metrics(
        SelfDoubt((stretch,), 60, 8, 0.4, (), (UnconfirmedJoin(START + 1, START + 2),), edges),
        START,
    )
    assert json.loads(json.dumps(found)) == found
    assert found["doubtful"] and found["stretches"][0]["pairs"] == 7
    assert found["edges_doubted"] == 3
    assert found["edges_contradicted"] == 2 and found["worst_edge"]["keyframes"] == [4, 9]
    assert found["worst_cycle"] is None
    assert found["joins_unconfirmed"] == [{"before_s": 1.0, "after_s": 2.0}]
    told, unsure = doubts({"units": "metres", "self_doubt": found})
    assert told == (
        "This map is probably wrong between 00:12 and 00:19: the views there disagree with those "
        "of 00:03 by 23 cm."
    )
    assert unsure.startswith("What comes after 00:02 may be in the wrong place")


def test_a_map_without_doubts_is_not_spoken_of() -> None:
    found = doubt_metrics(SelfDoubt((), 60, 1, 0.13, (), (), EdgeConflicts(40, (), 30, ())), START)
    assert not found["doubtful"] and found["pairs_contradicting"] == 1
    assert doubts({"units": "metres", "self_doubt": found}) == []


def test_a_networks_map_that_hangs_together_badly_may_be_bent() -> None:
    def told(rms: float) -> list[str]:
        found = doubt_metrics(
            SelfDoubt((), 0, 0, 0.0, (), (), EdgeConflicts(40, (), 30, ()), PlaceKnowledge(rms, 2)),
            START,
        )
        assert found["places"]["rms"] == rms and not found["doubtful"]
        return doubts({"units": "units", "self_doubt": found})

    assert told(0.08) == []
    (sentence,) = told(0.14)
    assert sentence.startswith("This map may be bent: where its cameras were is known to some 7 %")
    assert "(0.14 units)" in sentence


def test_what_is_known_badly_is_told_with_how_badly_though_nothing_contradicts_it() -> None:
    loose = LooseStretch(START + 12.0, START + 19.2, START + 6.0, 0.31, 2.5)
    nothing = EdgeConflicts(40, (), 30, ())
    found = doubt_metrics(SelfDoubt((), 60, 0, 0.0, (), (), nothing, loose=(loose,)), START)
    assert json.loads(json.dumps(found)) == found and not found["doubtful"]
    (stretch,) = found["loose"]
    assert stretch == {
        "start_s": 12.0,
        "end_s": pytest.approx(19.2),
        "against_s": 6.0,
        "sigma": 0.31,
        "sigma_deg": 2.5,
    }
    metrics = {"units": "metres", "self_doubt": found}
    assert doubts(metrics) == []  # most of such maps are right
    assert problems(metrics, np.arange(20.0)) == [
        "Where the camera was between 00:12 and 00:19 is known to no better than 31 cm, seen from "
        "00:06: too little ties the views there to the others."
    ]


def test_a_loop_that_the_map_misses_is_told_without_calling_the_map_wrong() -> None:
    loop = StrainedLoop(START, START + 6.0, Misplacement(0.318, 10.0))
    nothing = EdgeConflicts(40, (), 30, ())
    found = doubt_metrics(SelfDoubt((), 60, 0, 0.0, (), (), nothing, strained=(loop,)), START)
    assert json.loads(json.dumps(found)) == found and not found["doubtful"]
    assert doubts({"units": "metres", "self_doubt": found}) == [
        "This map may be off: the views of 00:00 and 00:06 see the same, and it misses the place "
        "where they fit by 32 cm and 10 degrees."
    ]


def test_a_leap_is_told_with_its_time() -> None:
    edges = EdgeConflicts(40, (), 30, (), 1)
    leap = Leap(START + 4.0, START + 6.0, 5.6)
    found = doubt_metrics(SelfDoubt((), 0, 0, 0.0, (), (), edges, leaps=(leap,)), START)
    assert found["leaps"] == [{"before_s": 4.0, "after_s": 6.0, "times": 5.6}]
    (sentence,) = doubts({"units": "metres", "self_doubt": found})
    assert sentence.startswith("What comes before 00:06 and what comes after may not belong")
    assert "6 times as fast" in sentence
