"""The gauntlet's sequences: enough of them, kinds shared out alike, halves by even and odd."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

from gauntlet.cases import Selection, room_cases

from mapper.core.camera_kinds import CAMERA_KINDS
from mapper.rooms.spec import PATHS


def test_there_are_sixty_at_least_and_both_halves_hold_the_same_kinds() -> None:
    cases = list(room_cases())
    assert len(cases) >= 60
    halves = [[c for c in cases if c.half == half] for half in ("tune", "final")]
    for trait in ("camera", "path", "rate", "richness"):
        counts = [Counter(case.traits[trait] for case in half) for half in halves]
        assert counts[0] == counts[1]
        assert max(counts[0].values()) - min(counts[0].values()) <= 1
    for tune, final in zip(*halves, strict=True):
        assert tune.spec is not None and final.spec is not None
        assert tune.spec.seed % 2 == 0 and final.spec.seed == tune.spec.seed + 1
    assert {c.traits["camera"] for c in cases} == set(CAMERA_KINDS)
    assert {c.traits["path"] for c in cases} == set(PATHS)


def test_the_half_that_is_only_looked_at_in_the_end_is_left_out(tmp_path: Path) -> None:
    names = {half: {c.name for c in Selection(half, "", tmp_path).cases()} for half in ("tune",)}
    assert all(int(name.split()[0]) % 2 == 0 for name in names["tune"])
    everything = Selection("all", "", tmp_path).cases()
    assert len(everything) == 2 * len(names["tune"])


def test_recordings_that_are_not_there_are_left_out(tmp_path: Path) -> None:
    assert Selection("tune", "redkitchen", tmp_path).cases() == []
    (tmp_path / "7scenes/redkitchen/seq-01").mkdir(parents=True)
    strides = [case.stride for case in Selection("tune", "redkitchen", tmp_path).cases()]
    assert strides == [1, 2, 3, 5]
    assert Selection("final", "redkitchen", tmp_path).cases() == []
