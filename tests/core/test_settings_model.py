"""Settings are checked however they are made."""

from __future__ import annotations

import pickle
from dataclasses import FrozenInstanceError, field, replace
from typing import Annotated, Any, Literal

import pytest

from mapper.core.quantities import (
    LISTED,
    WORD,
    Count,
    Metres,
    NonNegative,
    PositiveShare,
    Probability,
    Share,
    Switch,
    Text,
)
from mapper.core.settings_model import allowed, from_mapping, settings
from mapper.errors import ConfigError


@settings
class Leg:
    """A leg."""

    length: Metres = 0.7


@settings
class Table:
    """A table to test with."""

    legs: Count = 4
    leg: Leg = field(default_factory=Leg)
    folds: Annotated[Literal["on", "off"], WORD] = "off"
    sizes: Annotated[tuple[Count, ...], LISTED] = (1, 2)
    painted: Switch = False
    name: Text = ""
    slope: NonNegative = 0.0

    def __post_init__(self) -> None:
        if self.legs == 2 and not self.painted:
            raise ValueError("a table with legs=2 is painted")


def test_values_are_checked_when_made_when_replaced_and_when_read() -> None:
    with pytest.raises(ConfigError, match=r"^legs=0: expected a whole number of at least 1$"):
        Table(legs=0)
    with pytest.raises(ConfigError, match=r"^legs=0: expected a whole number of at least 1$"):
        replace(Table(), legs=0)
    with pytest.raises(ConfigError, match=r"^top\.leg\.length=0: expected a number above 0$"):
        from_mapping(Table, {"leg": {"length": 0}}, "top.")
    with pytest.raises(ConfigError, match=r"^legs='x'"):
        Table("x")  # type: ignore[arg-type]


def test_what_several_settings_must_hold_together_is_one_line_too() -> None:
    with pytest.raises(ConfigError, match=r"^Table: a table with legs=2 is painted$"):
        Table(legs=2)
    assert Table(legs=2, painted=True).legs == 2


@pytest.mark.parametrize(
    "values",
    [
        {"painted": 1},
        {"painted": "yes"},
        {"legs": 4.0},
        {"legs": True},
        {"name": 3},
        {"leg": 3},
        {"slope": True},
        {"slope": float("nan")},
        {"slope": "inf"},
        {"sizes": 3},
        {"leg": None},
        {"sizes": [1, True]},
        {"folds": "ON"},
    ],
)
def test_nothing_is_taken_for_something_else(values: dict) -> None:
    with pytest.raises(ConfigError, match=r"expected|group"):
        from_mapping(Table, values)


def test_what_yaml_reads_otherwise_is_understood() -> None:
    made = from_mapping(Table, {"slope": "1e-3", "sizes": [3], "folds": True, "leg": {"length": 1}})
    assert (made.slope, made.sizes, made.folds, made.leg.length) == (1e-3, (3,), "on", 1.0)
    assert isinstance(made.leg.length, float)


def test_settings_are_values() -> None:
    made = Table(sizes=(5,))
    assert made == Table(sizes=(5,)) and hash(made) == hash(Table(sizes=(5,)))
    assert pickle.loads(pickle.dumps(made)) == made
    with pytest.raises(FrozenInstanceError):
        made.legs = 3  # type: ignore[misc]


def test_an_unknown_key_is_named_with_its_group_and_the_nearest_name() -> None:
    with pytest.raises(ConfigError, match=r"'leg\.lenght'.*length"):
        from_mapping(Table, {"leg": {"lenght": 1}})
    with pytest.raises(ConfigError, match=r"'lgs'.*legs"):
        from_mapping(Table, {"lgs": 3})


@pytest.mark.parametrize(
    ("hint", "words"),
    [
        (Share, "a number from 0 to 1"),
        (Probability, "a number above 0 and below 1"),
        (PositiveShare, "a number above 0 and at most 1"),
        (NonNegative, "a number of at least 0"),
        (Count, "a whole number of at least 1"),
        (Literal["a"], "a"),
        (Literal["a", "b"], "a or b"),
        (Literal["a", "b", "c"], "a, b or c"),
        (Switch, "true or false"),
    ],
)
def test_what_is_allowed_is_said_with_its_bounds(hint: Any, words: str) -> None:
    assert allowed(hint) == words


@settings
class Stool:
    """A table's owner may give it another leg than a leg's own."""

    table: Table = field(default_factory=lambda: Table(legs=3, leg=Leg(length=0.4)))


def test_what_a_group_is_not_told_stays_as_its_owner_has_it() -> None:
    assert from_mapping(Stool, {"table": {"folds": "on"}}).table == Table(3, Leg(0.4), "on")
    assert from_mapping(Stool, {"table": {"leg": {}}}) == Stool()
    assert from_mapping(Stool, {"table": {"leg": {"length": 0.5}}}).table.legs == 3
    with pytest.raises(ConfigError, match=r"table\.leg\.lenght"):
        from_mapping(Stool, {"table": {"leg": {"lenght": 1}}})
