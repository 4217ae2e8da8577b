"""The gauntlet's sequences: enough of them, kinds shared out alike, no half knows another."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest
from gauntlet.cases import HALVES, Selection, drawn_cases, room_cases

from mapper.core.camera_kinds import CAMERA_KINDS
from mapper.errors import ConfigError
from mapper.rooms.spec import PATHS


def test_each_half_holds_thirty_at_least_and_as_many_of_every_kind() -> None:
    cases = list(room_cases())
    halves = {half: [c for c in cases if c.half == half] for half in HALVES}
    assert min(map(len, halves.values())) >= 30
    rounds = len(halves["seen"]) // len(halves["tune"])
    for trait in ("camera", "path", "rate", "richness"):
        counts = [Counter(case.traits[trait] for case in half) for half in halves.values()]
        tune, seen, final = counts
        assert tune == final
        assert seen == {kind: rounds * count for kind, count in tune.items()}
        assert max(counts[0].values()) - min(counts[0].values()) <= 1
    assert {c.traits["camera"] for c in cases} == set(CAMERA_KINDS)
    assert {c.traits["path"] for c in cases} == set(PATHS)


def test_no_seed_is_in_two_halves_and_the_final_ones_are_crossed_anew() -> None:
    cases = list(room_cases())
    assert len({c.spec.seed for c in cases if c.spec}) == len(cases)
    traits = ("camera", "path", "rate")
    kinds = {
        half: [[case.traits[trait] for trait in traits] for case in cases if case.half == half]
        for half in HALVES
    }
    each = len(kinds["tune"])
    rounds = [kinds["seen"][at : at + each] for at in range(0, len(kinds["seen"]), each)]
    assert kinds["tune"] == rounds[0]
    for k, crossed in enumerate([*rounds, kinds["final"]]):
        assert crossed not in rounds[:k]


def test_the_half_that_is_only_looked_at_in_the_end_is_left_out(tmp_path: Path) -> None:
    by_half = {half: Selection(half, "", tmp_path).cases() for half in HALVES}
    first_final = min(int(case.name.split()[0]) for case in by_half["final"])
    for half in ("tune", "seen"):
        assert all(int(case.name.split()[0]) < first_final for case in by_half[half])
    assert len(Selection("all", "", tmp_path).cases()) == sum(map(len, by_half.values()))


def test_rooms_to_tune_on_take_each_value_in_turn_and_no_seed_of_the_halves() -> None:
    varied: dict[str, tuple[str | float, ...]] = {
        "path": ("head_worn", "hand_held"),
        "rate": (30.0, 15.0),
        "moving": ("arms",),
    }
    specs = [case.spec for case in drawn_cases(range(1400, 1404), varied)]
    assert all(spec is not None and spec.moving == "arms" for spec in specs)
    assert [spec.path for spec in specs if spec] == ["head_worn", "hand_held"] * 2
    assert [spec.rate for spec in specs if spec] == [30.0, 30.0, 15.0, 15.0]
    last = max(int(case.name.split()[0]) for case in room_cases())
    with pytest.raises(ValueError, match=f"seed {last} is of the gauntlet"):
        list(drawn_cases([last], {}))
    for wrong in ({"pth": ("robot",)}, {"path": ("flying",)}, {"rate": ("fast",)}, {"rate": (-3,)}):
        with pytest.raises(ConfigError):
            list(drawn_cases([1400], wrong))


def test_recordings_that_are_not_there_are_left_out(tmp_path: Path) -> None:
    assert Selection("tune", "redkitchen", tmp_path).cases() == []
    (tmp_path / "7scenes/redkitchen/seq-01").mkdir(parents=True)
    strides = [case.stride for case in Selection("tune", "redkitchen", tmp_path).cases()]
    assert strides == [1, 2, 3, 5]
    assert Selection("final", "redkitchen", tmp_path).cases() == []
