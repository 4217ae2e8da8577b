"""What appeared and what vanished between two runs, as a page."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np

from mapper.report.rendering import render
from mapper.runtime.atomic_files import atomic_write

HEADS: Final = ("thing", "length", "width", "height", "surface", "place (x, y, z)")


def write_changes(path: Path, found: Mapping[str, Any], pictures: Sequence[np.ndarray]) -> None:
    """The page, complete in itself. found: as in diff.json. pictures: uint8 (H, W, 3), RGB."""
    page = render(
        "changes.html",
        found=found,
        summary=summary(found),
        pictures=pictures,
        heads=HEADS,
        appeared=_rows(found["appeared"], "appeared", found["units"]),
        vanished=_rows(found["vanished"], "vanished", found["units"]),
    )
    with atomic_write(path) as file:
        file.write(page)


def summary(found: Mapping[str, Any]) -> str:
    """One line."""
    counts = [(len(found[kind]), kind) for kind in ("appeared", "vanished")]
    least = length_text(found["min_size"], found["units"])
    if not any(count for count, _ in counts):
        return f"Nothing of {least} or more differs, as far as both runs looked."
    told = " and ".join(
        f"{count} {'thing' if count == 1 else 'things'} {kind}" for count, kind in counts
    )
    return f"{told}, of {least} or more."


def change_in_words(change: Mapping[str, Any], units: str) -> str:
    """Size and place."""
    size = " x ".join(length_text(length, units) for length in change["size"])
    return f"{size} at {_place(change)}"


def length_text(length: float, units: str) -> str:
    """A length as a person says it."""
    return f"{100 * length:.0f} cm" if units == "metres" else f"{length:.2f} units"


def _rows(
    found: Sequence[Mapping[str, Any]], kind: str, units: str
) -> list[tuple[str, tuple[str, ...]]]:
    area = "m2" if units == "metres" else "square units"
    return [
        (
            f"{kind} {number}",
            (
                *(length_text(length, units) for length in change["size"]),
                f"{change['area']:.2f} {area}",
                _place(change),
            ),
        )
        for number, change in enumerate(found, 1)
    ]


def _place(change: Mapping[str, Any]) -> str:
    return ", ".join(f"{value:.2f}" for value in change["centre"])
