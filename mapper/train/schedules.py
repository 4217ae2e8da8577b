"""Learning rates over time, as published.

Section 8.2 of the training specification.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final, Protocol

EARLIER: Final = 1e-6  # share of the training by which VGGT's warm-up ends too early


class Schedule(Protocol):
    """A learning rate at every moment of a training."""

    def at(self, epoch: float, step: int) -> float:
        """epoch: with its fraction. step: optimiser steps done so far."""
        ...


@dataclass(frozen=True, slots=True)
class EpochCosine:
    """From 0 up to `highest` in `warm_up` epochs, then down a half cosine to `lowest` at `epochs`:
    CUT3R, TTSA3R, StreamVGGT. The first step of all moves nothing."""

    highest: float
    lowest: float
    warm_up: float
    epochs: float

    def at(self, epoch: float, step: int) -> float:
        """The learning rate; steps do not count."""
        del step
        if epoch < self.warm_up:
            return self.highest * epoch / self.warm_up
        return cosine(
            self.highest, self.lowest, (epoch - self.warm_up) / (self.epochs - self.warm_up)
        )


@dataclass(frozen=True, slots=True)
class StepCosine:
    """From `start` straight to `highest` at step warm_up - 1, then down a cosine to `lowest` at
    `steps`, after which it rises again: STream3R."""

    highest: float
    lowest: float
    start: float
    warm_up: int
    steps: int

    def at(self, epoch: float, step: int) -> float:
        """The learning rate; epochs do not count."""
        del epoch
        if step < self.warm_up:
            return self.start + step * (self.highest - self.start) / max(self.warm_up - 1, 1)
        return cosine(
            self.highest, self.lowest, (step - self.warm_up) / (self.steps - self.warm_up)
        )


@dataclass(frozen=True, slots=True)
class ShareCosine:
    """From `lowest` straight to `highest` in the first share `warm_up` of all `epochs`, then down a
    cosine to `lowest`: VGGT."""

    highest: float
    lowest: float
    warm_up: float
    epochs: float

    def at(self, epoch: float, step: int) -> float:
        """The learning rate; steps do not count."""
        del step
        done = epoch / self.epochs
        if done + EARLIER < self.warm_up:
            return self.lowest + done / self.warm_up * (self.highest - self.lowest)
        return cosine(self.highest, self.lowest, (done - self.warm_up) / (1 - self.warm_up))


@dataclass(frozen=True, slots=True)
class OneCycle:
    """From `highest` down a cosine to `lowest` at the last of `steps`, no warm-up: WinT3R."""

    highest: float
    lowest: float
    steps: int

    def at(self, epoch: float, step: int) -> float:
        """The learning rate; epochs do not count."""
        del epoch
        return cosine(self.highest, self.lowest, (step + 1) / self.steps)


def cosine(highest: float, lowest: float, done: float) -> float:
    """Half a wave from highest at 0 to lowest at 1."""
    return lowest + (highest - lowest) * (1 + math.cos(math.pi * done)) / 2
