"""What went wrong in a run, in plain words, for its report.

shortfall.py tells of an empty map, doubts.py of a wrong one, notes.py of what is no fault.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import numpy as np

from mapper.report.doubts import clock, known_badly

LONG_GAP: Final = 3.0  # times the usual time between two poses
MAX_STRETCHES: Final = 5
APART: Final = "lie in parts of the map that nothing sure joins to this one."
SLOW_SHARE: Final = 0.05  # of the images, dropped, that is worth a word


def problems(metrics: Mapping[str, Any], timestamps: np.ndarray) -> list[str]:
    """Sentences, the worst first; empty where nothing went wrong.

    timestamps: (N,), seconds, of the placed frames.
    """
    return [
        *_early(metrics),
        *_lost(metrics, timestamps),
        *_held(metrics),
        *known_badly(metrics),
        *_guessed(metrics),
        *_stream(metrics),
        *_record(metrics),
        *_evaluation(metrics),
    ]


def _early(metrics: Mapping[str, Any]) -> list[str]:
    if metrics.get("complete", True):
        return []
    return ["The run ended before its sequence did: the map holds what was seen until then."]


def _lost(metrics: Mapping[str, Any], timestamps: np.ndarray) -> list[str]:
    found = []
    lost, skipped = int(metrics.get("lost", 0)), int(metrics.get("skipped", 0))
    apart = min(int(metrics.get("apart", 0)), lost)
    if lost > apart:
        found.append(f"{_frames(lost - apart)} could not be placed.")
    if apart:
        found.append(f"{_frames(apart)} {APART}")
    if skipped:
        found.append(f"{_frames(skipped)} could not be read, or had the wrong size.")
    if lost or skipped or metrics.get("left_out") or metrics.get("gaps"):
        found += _stretches(timestamps)
    return found


def _held(metrics: Mapping[str, Any]) -> list[str]:
    """Frames whose place is carried on from before, and when: the longest spans of them."""
    weak = metrics.get("weak_frames", {})
    if not weak.get("held"):
        return []
    longest = sorted(weak["spans"], key=lambda span: -span["frames"])[:MAX_STRETCHES]
    times = [
        clock(span["start_s"])
        if clock(span["start_s"]) == clock(span["end_s"])
        else f"{clock(span['start_s'])} to {clock(span['end_s'])}"
        for span in sorted(longest, key=lambda span: span["start_s"])
    ]
    was = "was" if weak["held"] == 1 else "were"
    return [
        f"{_frames(weak['held'])} {was} held by the motion before, as the views told too little of "
        f"where the camera was: {', '.join(times)}."
    ]


def _guessed(metrics: Mapping[str, Any]) -> list[str]:
    """Where a camera that was lost is taken to have gone on as it had moved."""
    times = metrics.get("weak_frames", {}).get("guessed_s", [])
    if not times:
        return []
    when = ", ".join(map(clock, times[:MAX_STRETCHES]))
    more = f" and {len(times) - MAX_STRETCHES} more" if len(times) > MAX_STRETCHES else ""
    return [
        f"What comes after {when}{more} may lie a decimetre aside: the camera was lost there, and "
        "only its motion before tells how it went on."
    ]


def _stretches(timestamps: np.ndarray) -> list[str]:
    """When nothing was placed, whatever the cause, in seconds after the first placed frame."""
    gaps = np.diff(timestamps)
    if len(gaps) < 2:
        return []
    long = np.flatnonzero(gaps > LONG_GAP * np.median(gaps))
    if len(long) == 0:
        return []
    longest = long[np.argsort(-gaps[long], kind="stable")][:MAX_STRETCHES]
    places = [f"{gaps[i]:.1f} s at {timestamps[i] - timestamps[0]:.1f} s" for i in sorted(longest)]
    return [f"The longest times without a placed frame: {', '.join(places)}."]


def _stream(metrics: Mapping[str, Any]) -> list[str]:
    found = []
    received, dropped = int(metrics.get("received", 0)), int(metrics.get("dropped", 0))
    if received and dropped > SLOW_SHARE * received:
        found.append(
            f"{dropped} of {received} images of the camera were dropped for newer ones: tracking "
            "is slower than the camera."
        )
    if left_out := int(metrics.get("left_out", 0)):
        was = "was" if left_out == 1 else "were"
        found.append(
            f"{_frames(left_out)} {was} tracked, but left out of the map and the trajectory: the "
            "backend was behind."
        )
    if breaks := int(metrics.get("breaks", 0)):
        back = int(metrics.get("reconnections", 0))
        found.append(f"The stream broke off {_times(breaks)} and came back {_times(back)}.")
    if gaps := int(metrics.get("gaps", 0)):
        found.append(f"No image came for more than a second {_times(gaps)}.")
    return found


def _record(metrics: Mapping[str, Any]) -> list[str]:
    missing, fault = int(metrics.get("not_recorded", 0)), metrics.get("record_fault")
    if not missing:
        return []
    why = f": {fault}" if fault else ", as the disk was too slow"
    return [f"Missing from the record: {_frames(missing)}{why}."]


def _evaluation(metrics: Mapping[str, Any]) -> list[str]:
    failed = metrics.get("evaluation_failed")
    return [f"The errors could not be computed: {failed}."] if failed else []


def _frames(count: int) -> str:
    return "1 frame" if count == 1 else f"{count} frames"


def _times(count: int) -> str:
    return {0: "never", 1: "once", 2: "twice"}.get(count, f"{count} times")
