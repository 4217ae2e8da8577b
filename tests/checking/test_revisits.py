"""Which of the pairs that were compared count: not those that views in between hold apart."""

from __future__ import annotations

from mapper.checking.revisits import Comparison, held_apart

FAR = 0.07  # metres


def pair(i: int, j: int, off: float) -> Comparison:
    return Comparison(i, j, j - i, (0.0,) * 7, off, 0.0, 0.0)


def steps(*offs: float) -> list[Comparison]:
    return [pair(k, k + 1, off) for k, off in enumerate(offs)]


def test_the_back_of_a_thing_is_not_its_front_where_every_step_around_it_holds() -> None:
    assert held_apart(pair(0, 6, 5.6), steps(*[0.01] * 6), FAR)


def test_what_steps_may_have_drifted_by_counts() -> None:
    assert not held_apart(pair(0, 6, 0.4), steps(*[0.01] * 6), FAR)
    assert not held_apart(pair(0, 60, 4.0), steps(*[0.05] * 60), FAR)


def test_where_a_step_is_off_itself_or_unknown_nothing_holds_them() -> None:
    torn = steps(0.01, 0.01, 0.3, 0.01, 0.01, 0.01)
    assert not held_apart(pair(0, 6, 5.6), torn, FAR)
    gone = [step for step in steps(*[0.01] * 6) if step.i != 2]
    assert not held_apart(pair(0, 6, 5.6), gone, FAR)
    assert held_apart(pair(0, 6, 5.6), [*gone, pair(1, 3, 0.02)], FAR)
    alone = pair(0, 1, 0.5)
    assert not held_apart(alone, [alone], FAR)
