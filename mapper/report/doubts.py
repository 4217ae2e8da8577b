"""Where a map is probably wrong, in plain words."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

SMALL_TURN: Final = 1.0  # degrees, below which a turn is not worth a word
SMALL_SHIFT: Final = 0.03  # units
STRAINED: Final = 3  # loops that are told of: those of one place say the same


def is_doubtful(metrics: Mapping[str, Any]) -> bool:
    """Whether the map contradicts itself."""
    return bool(metrics.get("self_doubt", {}).get("doubtful"))


def doubts(metrics: Mapping[str, Any]) -> list[str]:
    """A sentence for each stretch of time that is probably wrong, for each that may be, and for a
    map that hangs together badly.

    metrics: units and self_doubt, as mapper.run.doubt_metrics writes it.
    """
    is_metric = metrics.get("units", "metres") == "metres"
    found = metrics.get("self_doubt", {})
    wrong = [_sentence(stretch, is_metric) for stretch in doubtful_stretches(metrics)]
    strained = [_strained(loop, is_metric) for loop in found.get("loops_strained", [])[:STRAINED]]
    return [
        *wrong,
        *map(_join, found.get("joins_unconfirmed", [])),
        *strained,
        *map(_leap, found.get("leaps", [])),
        *_badly_known(metrics, is_metric),
    ]


def known_badly(metrics: Mapping[str, Any]) -> list[str]:
    """A sentence for each stretch of time that nothing contradicts and little ties to the others;
    most of such maps are right."""
    is_metric = metrics.get("units", "metres") == "metres"
    loose = metrics.get("self_doubt", {}).get("loose", [])
    return [_loose(stretch, is_metric) for stretch in loose]


def doubtful_stretches(metrics: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """When the map is probably wrong, as mapper.run.doubt_metrics writes it."""
    return list(metrics.get("self_doubt", {}).get("stretches", []))


def _sentence(stretch: Mapping[str, Any], is_metric: bool) -> str:
    return (
        f"This map is probably wrong {_when(stretch)}: the views there disagree with those of "
        f"{clock(stretch['against_s'])}{_by(stretch, is_metric)}."
    )


def _when(stretch: Mapping[str, Any]) -> str:
    start, end = clock(stretch["start_s"]), clock(stretch["end_s"])
    return f"at {start}" if start == end else f"between {start} and {end}"


def _loose(stretch: Mapping[str, Any], is_metric: bool) -> str:
    return (
        f"Where the camera was {_when(stretch)} is known to no better than "
        f"{_length(stretch['sigma'], is_metric)}, seen from {clock(stretch['against_s'])}: too "
        "little ties the views there to the others."
    )


def _leap(leap: Mapping[str, Any]) -> str:
    return (
        f"What comes before {clock(leap['after_s'])} and what comes after may not belong together: "
        f"the camera would have moved {leap['times']:.0f} times as fast as otherwise, and where it "
        "came to looks like another place."
    )


def _strained(loop: Mapping[str, Any], is_metric: bool) -> str:
    return (
        f"This map may be off: the views of {clock(loop['earlier_s'])} and "
        f"{clock(loop['later_s'])} see the same, and it misses the place where they fit"
        f"{_by(loop, is_metric)}."
    )


def _join(join: Mapping[str, Any]) -> str:
    before, after = clock(join["before_s"]), clock(join["after_s"])
    return (
        f"What comes after {after} may be in the wrong place: the camera was lost from {before} "
        "on, and nothing but the shape of what it saw tells where it was found again."
    )


def _badly_known(metrics: Mapping[str, Any], is_metric: bool) -> list[str]:
    places = metrics.get("self_doubt", {}).get("places")
    if not places or not places["bad"]:
        return []
    share, length = 100 * places["share"], _length(places["rms"], is_metric)
    return [
        f"This map may be bent: where its cameras were is known to some {share:.0f} % of the "
        f"distance to what they saw ({length}), for too few of its views show the same."
    ]


def _by(stretch: Mapping[str, Any], is_metric: bool) -> str:
    """By how much; by what surfaces miss each other where nobody found how they would fit."""
    if stretch["shift"] is None:
        off = _length(stretch["distance"], is_metric)
        return f", whose surfaces lie {off} away from theirs"
    parts = []
    if stretch["shift"] >= SMALL_SHIFT:
        parts.append(_length(stretch["shift"], is_metric))
    if stretch["turn_deg"] >= SMALL_TURN or not parts:
        parts.append(f"{stretch['turn_deg']:.0f} degrees")
    return f" by {' and '.join(parts)}"


def _length(length: float, is_metric: bool) -> str:
    if not is_metric:
        return f"{length:.2g} units"
    return f"{length:.1f} m" if length >= 1 else f"{100 * length:.0f} cm"


def clock(seconds: float) -> str:
    """Minutes and seconds after the first frame; hours where there are any."""
    whole = max(round(seconds), 0)
    minutes, second = divmod(whole, 60)
    hours, minute = divmod(minutes, 60)
    return f"{hours}:{minute:02}:{second:02}" if hours else f"{minute:02}:{second:02}"
