"""A right alignment has surfaces and light on its side; a slide along a wall has not."""

from __future__ import annotations

import numpy as np
import pytest

from mapper.core.frame import Frame
from mapper.core.geometry import exp_se3, inverse
from mapper.core.intrinsics import Intrinsics
from mapper.vision.alignment_evidence import Evidence, evidence_of
from mapper.vision.belief import probability_right
from tests.support.room_views import Room, pyramid_of

CAMERA = Intrinsics(150, 150, 79.5, 59.5, 160, 120)
FIRM = 500.0


def wall(grey: np.ndarray) -> Frame:
    """A wall two metres ahead, painted."""
    image = np.repeat(np.clip(np.rint(grey), 0, 255).astype(np.uint8)[..., None], 3, 2)
    return Frame(0, 0.0, image, np.full((120, 160), 2.0, np.float32), CAMERA)


def speckled(shift: int = 0) -> Frame:
    """The camera moves right by `shift` pixels: 1 / 75 m each."""
    rng = np.random.default_rng(3)
    grey = np.repeat(np.repeat(rng.uniform(40, 220, (40, 80)), 3, 0), 3, 1)
    return wall(grey[:120, 40 + shift : 200 + shift])


def beside(metres: float) -> np.ndarray:
    return exp_se3(np.array([0, 0, 0, metres, 0, 0.0]))


@pytest.mark.parametrize("index", [0, 60, 150])
def test_the_truth_has_surfaces_and_light_on_its_side(room: Room, index: int) -> None:
    a, b = pyramid_of(room.frame(index)), pyramid_of(room.frame(index + 4))
    evidence = evidence_of(a, b, room.relative(index, index + 4))
    assert evidence.has_light and evidence.light > 0.6
    assert evidence.agree > 0.9 and evidence.front < 0.03
    assert probability_right(evidence, FIRM) > 0.75


@pytest.mark.parametrize("index", [0, 60, 150])
def test_a_place_that_is_a_hand_beside_is_not_believed(room: Room, index: int) -> None:
    a, b = pyramid_of(room.frame(index)), pyramid_of(room.frame(index + 4))
    true = room.relative(index, index + 4)
    right = evidence_of(a, b, true)
    for twist in np.vstack([0.15 * np.eye(6), -0.15 * np.eye(6)]):
        wrong = evidence_of(a, b, exp_se3(twist) @ true)
        assert wrong.score < right.score - 5.0
        assert wrong.agree < 0.55 or probability_right(wrong, FIRM) < 0.5
    assert probability_right(right, FIRM) > 0.5


def test_a_slide_along_a_wall_agrees_in_its_surface_and_not_in_its_light() -> None:
    a, b = pyramid_of(speckled()), pyramid_of(speckled(15))
    right, slid = evidence_of(a, b, beside(0.2)), evidence_of(a, b, np.eye(4))
    assert right.agree == slid.agree == 1.0 and right.front == slid.front == 0.0
    assert right.light > 0.8 and slid.light < 0.2
    assert right.centred > 0.3 > slid.centred
    assert right.score > slid.score


def test_a_bare_wall_has_no_light_to_go_by() -> None:
    bare = pyramid_of(wall(np.full((120, 160), 128.0)))
    evidence = evidence_of(bare, bare, beside(0.1))
    assert not evidence.has_light and evidence.light == 0.0 and evidence.agree == 1.0


def test_light_does_not_mind_exposure() -> None:
    bright = speckled(3)
    assert bright.depth is not None
    darker = Frame(0, 0.0, (0.6 * bright.image).astype(np.uint8), bright.depth, CAMERA)
    a = pyramid_of(speckled())
    same, dark = (evidence_of(a, pyramid_of(each), beside(0.04)) for each in (bright, darker))
    assert dark.light == pytest.approx(same.light, abs=0.05)


def test_a_surface_in_free_space_and_one_that_is_hidden_are_told_apart() -> None:
    frame = speckled()
    a = pyramid_of(frame)
    nearer = evidence_of(a, a, exp_se3(np.array([0, 0, 0, 0, 0, -0.5])))
    further = evidence_of(a, a, exp_se3(np.array([0, 0, 0, 0, 0, 0.5])))
    assert nearer.front == 1.0 and nearer.behind == 0.0
    assert further.behind == 1.0 and further.front == 0.0
    assert nearer.score < further.score < evidence_of(a, a, np.eye(4)).score


def test_views_of_which_nothing_is_seen_are_compared_without_a_fault(room: Room) -> None:
    a = pyramid_of(room.frame(0))
    turned = exp_se3(np.array([0, np.pi, 0, 0, 0, 0.0]))
    evidence = evidence_of(a, a, turned)
    assert evidence.seen < 0.01 and np.isfinite(evidence.score)
    assert probability_right(evidence, FIRM) < 0.1


def test_more_of_each_kind_of_evidence_makes_it_more_probable() -> None:
    known = Evidence(0.7, 0.95, 0.02, 0.03, 0.4, 0.5, 0.0, 0.1)
    for change in ({"light": 0.7}, {"front": 0.004}, {"centred": 0.25}, {"seen": 0.8}):
        fields = {name: getattr(known, name) for name in known.__slots__}
        better = Evidence(**{**fields, **change})
        assert probability_right(better, 200.0) > probability_right(known, 200.0)
    assert probability_right(known, 1000.0) > probability_right(known, 50.0)
    assert probability_right(known, 200.0, True) > probability_right(known, 200.0, False)


def test_what_one_view_says_of_another_holds_the_other_way_round(room: Room) -> None:
    a, b = pyramid_of(room.frame(0)), pyramid_of(room.frame(4))
    there, back = (
        evidence_of(a, b, room.relative(0, 4)),
        evidence_of(b, a, inverse(room.relative(0, 4))),
    )
    assert there.light == pytest.approx(back.light, abs=0.1)
    assert there.agree == pytest.approx(back.agree, abs=0.05)
