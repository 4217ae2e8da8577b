"""Faults are small, drawn by a seed, and put where something is computed."""

from __future__ import annotations

from pathlib import Path

import pytest
from mutation.operators import mutants, sample
from mutation.trial import ROOT, own_tests


def changes(source: str) -> set[tuple[str, str]]:
    return {(m.before, m.after) for m in mutants(source)}


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("y = a < b", {("a < b", "(a <= b)"), ("a < b", "(a > b)")}),
        ("y = a - b", {("a - b", "(a + b)")}),
        ("y = A @ B", {("A @ B", "(B @ A)")}),
        ("y = min(a, b)", {("min(a, b)", "(max(a, b))")}),
        ("y = np.all(a)", {("np.all(a)", "(np.any(a))")}),
        ("y = a or b", {("a or b", "(a and b)")}),
        ("y = 2", {("2", "(3)")}),
        ("y = 0.5", {("0.5", "(0.75)")}),
        ("y = a if f() else b", {("a if f() else b", "(a if not f() else b)")}),
        ("y += 1", {("y += 1", "y -= 1"), ("1", "(2)")}),
    ],
)
def test_each_kind_of_fault(source: str, expected: set[tuple[str, str]]) -> None:
    assert changes(source) == expected


def test_what_is_only_said_is_left_alone() -> None:
    source = """
@settings(frozen=True)
def f(a: Float[3, "n"]) -> Share[0, 1]:
    "Text of 2 lines."
    logger.warning("%d", 1 + 1)
    assert a > 0
    if a:
        raise ValueError(f"{a + 1} < 2")
    return a
"""
    assert changes(source) == set()


def test_one_place_is_changed_and_the_rest_is_kept_to_the_letter() -> None:
    source = "é = 'ü'; x = (1 +\n     two)  # why\ny = x\n"
    by_kind = {m.kind: m for m in mutants(source)}
    assert by_kind["arithmetic"].source == "é = 'ü'; x = ((1 - two))  # why\ny = x\n"
    assert by_kind["constant"].source == "é = 'ü'; x = ((2) +\n     two)  # why\ny = x\n"


def test_a_seed_draws_the_same_again_and_fewer_are_the_first_of_more() -> None:
    source = "\n".join(f"y{k} = x < {k}" for k in range(40))
    eight, four = sample(source, 8, "0"), sample(source, 4, "0")
    assert eight == sample(source, 8, "0") != sample(source, 8, "1")
    assert len(eight) == 8 and set(four) < set(eight)
    assert [m.line for m in eight] == sorted(m.line for m in eight)


def test_the_tests_of_a_module_are_in_the_folder_that_mirrors_its_own() -> None:
    edge = own_tests(ROOT, Path("backend/graph/edge.py"))
    assert edge[0] == "tests/backend/graph/test_edge.py"
    assert all(name.startswith("tests/backend/graph/") for name in edge)
    assert own_tests(ROOT, Path("mapper/core/sim3.py"))[0] == "tests/core/test_sim3.py"
