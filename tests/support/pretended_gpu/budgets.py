"""What a frame of each published configuration may cost at most: numbers that only go down."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, fields
from pathlib import Path
from typing import Final

import yaml

from tests.support.pretended_gpu.published import Cost

FILE: Final = Path(__file__).with_name("budgets.yaml")
HEAD: Final = (
    "# What a frame costs on the pretended GPU, at most; see Cost in published.py.\n"
    "# python tools gpu_budgets --update lowers what has become less.\n"
)
# What the model makes of the counts: worth a row in a table, but no promise.
MODELLED: Final = ("gpu_ms", "host_ms")
COUNTED: Final = tuple(f.name for f in fields(Cost) if f.name not in (*MODELLED, "captured"))


def budgets() -> dict[str, dict[str, float]]:
    """By configuration, then by what is counted."""
    return yaml.safe_load(FILE.read_text(encoding="utf-8")) or {}


def over(name: str, cost: Cost, limits: Mapping[str, Mapping[str, float]]) -> list[str]:
    """What costs more than it may, in words."""
    spent = asdict(cost)
    return [
        f"{name}: {key} {spent[key]}, at most {limits[name][key]}"
        for key in COUNTED
        if spent[key] > limits[name][key]
    ]


def lowered(costs: Mapping[str, Cost]) -> dict[str, dict[str, float]]:
    """The budgets with what has become less; new configurations as they are."""
    limits = budgets()
    for name, cost in costs.items():
        spent, old = asdict(cost), limits.get(name, {})
        limits[name] = {key: min(spent[key], old.get(key, spent[key])) for key in COUNTED}
    return limits


def write(limits: Mapping[str, Mapping[str, float]]) -> None:
    """One line a configuration."""
    lines = [
        f"{name}: {{{', '.join(f'{key}: {value}' for key, value in limits[name].items())}}}\n"
        for name in limits
    ]
    FILE.write_text(HEAD + "".join(lines), encoding="utf-8")
