"""What became of what is known of a map from elsewhere, in sentences."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

FOOT: Final = 0.3048  # m
HELD: Final = (0.8, 2.0)  # m over the floor, by hand


def untied(metrics: Mapping[str, Any]) -> list[str]:
    """A warning where the map is not tied to what is known of it. metrics: priors."""
    refused = metrics.get("priors", {}).get("refused", "")
    if not refused:
        return []
    return [f"What is known of the map was left out, and the map is as if it were not: {refused}."]


def in_feet(metrics: Mapping[str, Any]) -> list[str]:
    """A warning where a hand would hold the camera as high, were its metres feet. metrics:
    camera_height."""
    height = metrics.get("camera_height")
    if height is None or not HELD[0] <= height * FOOT <= HELD[1]:
        return []
    return [
        f"By what is known of the map its camera was {height:.1f} m over the floor. If it was "
        f"carried by hand, its metres are feet ({height * FOOT:.1f} m then)."
    ]


def tied_in_words(metrics: Mapping[str, Any]) -> list[str]:
    """One line a source that the map is tied to, and one that says in which unit it is."""
    account = metrics.get("priors", {})
    lines = [
        f"tied to {source['name']}: {source['agreeing']} of {source['readings']} readings agree"
        for source in account.get("sources", [])
    ]
    if account and not account.get("refused"):
        unit = _unit(metrics)
        place = account.get("origin")
        where = "" if not place else f", x to the east and y to the north of {place[0]:.6f} N "
        where += "" if not place else f"{place[1]:.6f} E, {place[2]:.1f} m"
        where = where or (", z is up" if account.get("upright") else "")
        lines.append(f"the map is {unit}{where}")
    return lines


def _unit(metrics: Mapping[str, Any]) -> str:
    account = metrics["priors"]
    if account["metric"]:
        return "in metres"
    has_poses = any("units_per_unit" in source for source in account["sources"])
    return "in the unit of those poses" if has_poses else "in a unit of its own"
