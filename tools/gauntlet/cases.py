"""The sequences of the gauntlet: rooms by seed, kinds crossed, and real recordings by stride."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from collections.abc import Sequence as SequenceOf
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import numpy as np

from mapper.core.camera_kinds import CAMERA_KINDS
from mapper.rooms import SequenceSpec, draw_sequence
from mapper.rooms.spec import PATHS, RATES

EACH: Final = 36  # sequences in each half
SMALL: Final = 6.0  # metres, rooms whose errors are asked for apart
RICHNESS: Final = (0.0, 0.2, 0.5, 0.8, 1.0)
STRIDES: Final = (1, 2, 3, 5)
HALVES: Final = ("tune", "seen", "final")
DATA: Final = Path("../shared/data")


@dataclass(frozen=True, slots=True)
class Case:
    """spec: of a made-up sequence; else path and stride of a recording.

    half: "tune", "seen" (was final, and was looked at once) or "final". Recordings are in "tune":
    they are what mapper was made on.
    """

    name: str
    half: str
    spec: SequenceSpec | None = None
    path: Path | None = None
    stride: int = 1

    @property
    def traits(self) -> dict[str, Any]:
        """What the table groups by."""
        if self.spec is None:
            return {"source": "real", "stride": self.stride}
        room = self.spec.room
        return {
            "source": "room",
            "camera": self.spec.camera.kind,
            "path": self.spec.path,
            "rate": self.spec.rate,
            "richness": room.richness,
            "layout": room.layout,
            "size": "up to 6 m" if max(room.size[:2]) <= SMALL else "above 6 m",
        }


@dataclass(frozen=True, slots=True)
class Selection:
    """half: one of HALVES or "all". only: what a name must contain. data: of the recordings."""

    half: str = "tune"
    only: str = ""
    data: Path = DATA
    fixed: dict[str, Any] = field(default_factory=dict)

    def cases(self) -> list[Case]:
        """Those that are asked for and that are there."""
        every = [*room_cases(**self.fixed), *real_cases(self.data)]
        halves = HALVES if self.half == "all" else (self.half,)
        return [case for case in every if case.half in halves and self.only in case.name]


def room_cases(**fixed: Any) -> Iterable[Case]:
    """Of each kind as many as of any other, crossed at random.

    Below 72 even seeds are for tuning and the odd one after each, of the same kinds, is seen. From
    72 on every 36 are crossed anew: those below 252 are seen too, the others are final.
    """
    first, *later = (_crossed(np.random.default_rng(rng)) for rng in (15, 16, 17, 18, 19, 20, 21))
    of_each = [kinds for kinds in first for _ in range(2)] + [each for x in later for each in x]
    for seed, kinds in enumerate(of_each):
        half = HALVES[seed % 2] if seed < 2 * EACH else HALVES[1 + (seed >= 7 * EACH)]
        spec = draw_sequence(seed, **{**kinds, **fixed})
        name = f"{seed:03d} {spec.camera.kind} {spec.path} {spec.rate:.0f} Hz"
        yield Case(name, half, spec)


def drawn_cases(
    seeds: Iterable[int], varied: Mapping[str, SequenceOf[str | float]]
) -> Iterable[Case]:
    """More of them to tune on, with kinds of one's own: fields of the spec, each with the values
    that it takes in turn, the first at every seed, the second whenever the first is through.

    Raises ValueError where a seed is of the halves.
    """
    for seed in seeds:
        if seed < 8 * EACH:
            raise ValueError(
                f"seed {seed} is of the gauntlet's halves: take one from {8 * EACH} on"
            )
        fixed, turn = {}, seed
        for name, values in varied.items():
            turn, index = divmod(turn, len(values))
            fixed[name] = values[index]
        spec = draw_sequence(seed, **fixed)
        yield Case(f"{seed} {spec.camera.kind} {spec.path} {spec.rate:.0f} Hz", "tune", spec)


def real_cases(data: Path) -> Iterable[Case]:
    """The recordings that are there."""
    kitchen, cabinet = data / "7scenes/redkitchen/seq-01", data / "tum"
    if kitchen.is_dir():
        for stride in STRIDES:
            yield Case(f"redkitchen every {stride}", "tune", path=kitchen, stride=stride)
    for folder in sorted(cabinet.glob("*cabinet*")):
        if folder.is_dir():
            yield Case("cabinet", "tune", path=folder)


def _crossed(rng: np.random.Generator) -> list[dict[str, Any]]:
    """The kinds of each sequence of a half."""
    columns = {
        "kind": _shared_out(CAMERA_KINDS, rng),
        "path": _shared_out(PATHS, rng),
        "rate": _shared_out(RATES, rng),
        "richness": _shared_out(RICHNESS, rng),
    }
    return [{name: values[i] for name, values in columns.items()} for i in range(EACH)]


def _shared_out(values: tuple[Any, ...], rng: np.random.Generator) -> list[Any]:
    """One of the values for each sequence, all equally often, in a random order."""
    order = rng.permutation(np.arange(EACH) % len(values))
    return [values[i] for i in order]
