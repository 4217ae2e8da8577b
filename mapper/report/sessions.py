"""Which run is which in a merged one, in words and as a table."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

HEADS: Final = ("session", "run", "frames", "keyframes", "times", "scale")
SAME_SCALE: Final = 0.005  # less than that off 1 is no news,
WRONG_SCALE: Final = 0.02  # and more is wrong of what is in metres


@dataclass(frozen=True, slots=True)
class SessionRow:
    """What the report shows of a session, as text."""

    name: str
    cells: tuple[str, ...]


def session_rows(metrics: Mapping[str, Any]) -> list[SessionRow]:
    """Of a merged run; empty of any other."""
    return [
        SessionRow(
            session["name"],
            (
                session["path"],
                _span(session["first_frame"], session["frames"]),
                _span(session["first_keyframe"], session["keyframes"]),
                _times(session["seconds"]),
                _scale(session),
            ),
        )
        for session in metrics.get("sessions", [])
    ]


def sessions_in_words(metrics: Mapping[str, Any]) -> list[str]:
    """A line a session: which frames and keyframes of the merged run are its."""
    return [
        f"{row.name}: frames {row.cells[1]}, keyframes {row.cells[2]}, {row.cells[3]}"
        + (f", scale {row.cells[4]}" if row.cells[4] != "1" else "")
        for row in session_rows(metrics)
    ]


def units_apart(metrics: Mapping[str, Any]) -> list[str]:
    """A sentence for each session that should be in metres and that others find to be otherwise."""
    return [
        f"{session['name']} is in metres, but by what it has in common with the other sessions one "
        f"metre of it is {session['scale']:.3f} m there: the depth scale of one of them is wrong."
        for session in metrics.get("sessions", [])
        if session["units"] == "metres" and abs(session["scale"] - 1) > WRONG_SCALE
    ]


def _span(first: int, count: int) -> str:
    return f"{first} to {first + count - 1}"


def _times(seconds: float) -> str:
    """What was added to a session's times."""
    return "times as they were" if seconds == 0 else f"times + {seconds:.0f} s"


def _scale(session: Mapping[str, Any]) -> str:
    scale = float(session["scale"])
    return "1" if abs(scale - 1) < SAME_SCALE else f"{scale:.4f}"
