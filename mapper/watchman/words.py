"""What the watchman found, for people."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from mapper.watchman.watchman import Event, Fault

TOLD: Final = 5  # of which each is named; then they are counted
WHAT: Final = {
    Fault.COLLAPSE: "the network's depth collapsed: it no longer follows what the image shows",
    Fault.JUMP: "the network's pose jumped, though the image went on as before",
    Fault.SCALE: "the network lost its scale: depth became {factor:.2f} times what the frames "
    "before it led to expect",
}


def told(event: Event) -> str:
    """One event in one sentence."""
    what = WHAT[event.fault].format(factor=event.factor)
    return (
        f"frame {event.frame_index} ({event.timestamp:.1f} s): {what}; a new segment begins there"
    )


def notes(events: Sequence[Event]) -> list[str]:
    """All of them, the first few by name."""
    sentences = [told(event) for event in events[:TOLD]]
    if len(events) > TOLD:
        sentences.append(
            f"{len(events) - TOLD} more times the network was not believed, and a new segment "
            "began: metrics.json lists them"
        )
    return sentences
