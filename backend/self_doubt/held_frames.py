"""When frames were held by the motion before them, as the views told too little."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from mapper.core.prediction import Prediction

JOINED: Final = 1.0  # seconds between held frames that are one span


@dataclass(frozen=True, slots=True)
class HeldSpan:
    """start, end: timestamps [s] of the first held frame and of the last. frames: held ones."""

    start: float
    end: float
    frames: int


@dataclass(frozen=True, slots=True)
class HeldFrames:
    """known: placed frames whose frontend says how well it knows them; held: how many of those.
    spans: in the order of time. guessed: timestamps [s] of those by which the frames after them, of
    a camera that had been lost, are tied to the ones before."""

    known: int
    held: int
    spans: tuple[HeldSpan, ...]
    guessed: tuple[float, ...] = ()


class HeldFrameCounter:
    """Told of every frame as it comes; what it holds grows with the spans, not with the frames."""

    def __init__(self) -> None:
        self._known = self._held = 0
        self._spans: list[HeldSpan] = []
        self._guessed: list[float] = []

    def note(self, prediction: Prediction) -> None:
        """A frame that was placed."""
        if prediction.uncertainty is None:
            return
        self._known += 1
        if not prediction.uncertainty.is_held:
            return
        self._held += 1
        if prediction.uncertainty.reference_index == prediction.frame_index:
            self._guessed.append(prediction.timestamp)
        time, last = prediction.timestamp, self._spans[-1] if self._spans else None
        if last is not None and time - last.end <= JOINED:
            self._spans[-1] = HeldSpan(last.start, time, last.frames + 1)
        else:
            self._spans.append(HeldSpan(time, time, 1))

    def found(self) -> HeldFrames:
        """So far."""
        return HeldFrames(self._known, self._held, tuple(self._spans), tuple(self._guessed))
