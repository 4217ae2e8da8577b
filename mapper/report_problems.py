"""What went wrong in a run, in plain words, for its report."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np

LONG_GAP: Final = 3.0  # times the usual time between two poses: a lost stretch
MAX_STRETCHES: Final = 5
SLOW_SHARE: Final = 0.05  # of the images, dropped, that is worth a word


def problems(
    metrics: Mapping[str, Any], timestamps: np.ndarray, loops: Sequence[Mapping[str, Any]]
) -> list[str]:
    """Sentences, the worst first; empty where nothing went wrong.

    timestamps: (N,), seconds, of the placed frames. loops: with accepted and reason.
    """
    return [
        *_lost(metrics, timestamps),
        *_stream(metrics),
        *_record(metrics),
        *_loops(loops),
        *_evaluation(metrics),
    ]


def _lost(metrics: Mapping[str, Any], timestamps: np.ndarray) -> list[str]:
    found = []
    lost, skipped = int(metrics.get("lost", 0)), int(metrics.get("skipped", 0))
    if lost:
        found.append(f"{_frames(lost)} could not be placed{_stretches(timestamps)}.")
    if skipped:
        found.append(f"{_frames(skipped)} could not be read, or had the wrong size.")
    return found


def _stretches(timestamps: np.ndarray) -> str:
    """When, seconds after the first placed frame, for how long."""
    gaps = np.diff(timestamps)
    if len(gaps) < 2:
        return ""
    long = np.flatnonzero(gaps > LONG_GAP * np.median(gaps))
    if len(long) == 0:
        return ""
    longest = long[np.argsort(-gaps[long], kind="stable")][:MAX_STRETCHES]
    places = [f"{timestamps[i] - timestamps[0]:.1f} s ({gaps[i]:.1f} s)" for i in sorted(longest)]
    more = f" and {len(long) - len(places)} more times" if len(long) > len(places) else ""
    return ": there is a gap at " + ", ".join(places) + more


def _stream(metrics: Mapping[str, Any]) -> list[str]:
    found = []
    received, dropped = int(metrics.get("received", 0)), int(metrics.get("dropped", 0))
    if received and dropped > SLOW_SHARE * received:
        found.append(
            f"{dropped} of {received} images of the camera were dropped for newer ones: tracking "
            "is slower than the camera."
        )
    if left_out := int(metrics.get("left_out", 0)):
        found.append(
            "Tracked, but left out of the map and the trajectory as the backend was behind: "
            f"{_frames(left_out)}."
        )
    if breaks := int(metrics.get("breaks", 0)):
        back = int(metrics.get("reconnections", 0))
        found.append(f"The stream broke {_times(breaks)} and came back {_times(back)}.")
    if gaps := int(metrics.get("gaps", 0)):
        found.append(f"Nothing was seen for more than a second {_times(gaps)}.")
    return found


def _record(metrics: Mapping[str, Any]) -> list[str]:
    missing, fault = int(metrics.get("not_recorded", 0)), metrics.get("record_fault")
    if not missing:
        return []
    why = f": {fault}" if fault else ", as the disk was too slow"
    return [f"Missing from the record: {_frames(missing)}{why}."]


def _loops(loops: Sequence[Mapping[str, Any]]) -> list[str]:
    refused = [loop for loop in loops if not loop.get("accepted")]
    if not refused:
        return []
    reasons = Counter(_plain(str(loop.get("reason", "no reason given"))) for loop in refused)
    counted = ", ".join(f"{reason} ({count})" for reason, count in reasons.most_common())
    noun = "loop was" if len(refused) == 1 else "loops were"
    return [f"{len(refused)} proposed {noun} refused, for these reasons: {counted}."]


def _plain(reason: str) -> str:
    """The reason without the figures and without who proposed the loop."""
    words = reason.rpartition(": ")[2].split()
    kept = [word for word in words if not any(letter.isdigit() for letter in word)]
    return " ".join(kept).strip(" ,<>=") or reason


def _evaluation(metrics: Mapping[str, Any]) -> list[str]:
    failed = metrics.get("evaluation_failed")
    return [f"The errors could not be computed: {failed}."] if failed else []


def _frames(count: int) -> str:
    return "1 frame" if count == 1 else f"{count} frames"


def _times(count: int) -> str:
    return "once" if count == 1 else f"{count} times"
