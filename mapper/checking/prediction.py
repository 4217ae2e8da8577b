"""The error that a map probably has, by what was measured of it: a fit to maps with known truth."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np

from mapper.checking.calibrated import COEFFICIENTS, CONSTANT, WITHIN, WITHIN_UNTIED
from mapper.checking.measures import Measures

LEAST: Final = 1e-4  # share of the extent below which no measure tells anything
STILL_OFF: Final = 0.5  # of a frontend's error that the map mended, what may be left of it
MIN_REVISITS: Final = 3  # pairs, from which on a map has been held against itself


@dataclass(frozen=True, slots=True)
class Prediction:
    """ate: units, root mean square of what the camera's positions are off by after alignment.
    low, high: between which it lies in 80 of 100 maps. way: units, that the camera went.
    is_tied: whether places were seen again, so that the map could be held against itself."""

    ate: float
    low: float
    high: float
    way: float
    is_tied: bool

    @property
    def share(self) -> float:
        """Of the way."""
        return self.ate / max(self.way, 1e-9)

    def raised_to(self, least: float) -> Prediction:
        """At least so large an error."""
        factor = max(least / max(self.ate, 1e-12), 1.0)
        return Prediction(
            factor * self.ate, self.low, max(self.high, factor * self.ate), self.way, self.is_tied
        )


def predict(measures: Measures) -> Prediction:
    """Monotone: no measure that gets worse makes the prediction better."""
    told = features(measures)
    log_share = CONSTANT + sum(weight * told[name] for name, weight in COEFFICIENTS.items())
    ate = float(np.exp(log_share)) * measures.extent
    is_tied = is_held(measures)
    factor = WITHIN if is_tied else WITHIN_UNTIED
    return Prediction(ate, ate / factor, ate * factor, measures.way, is_tied)


def is_held(measures: Measures) -> bool:
    """Whether enough places were seen again: one or two pairs may be of things that look alike."""
    return len(measures.revisits) >= MIN_REVISITS


def features(measures: Measures) -> Mapping[str, float]:
    """Logarithms of what counts, as shares of the camera's extent.

    off: by how much what was compared moves the map, what errors of single comparisons add up to,
    and half of what the map had to mend of the frontend's steps; as independent errors add up.
    """
    found = measures.resolved
    off = float(np.linalg.norm([found.moved, found.spread, STILL_OFF * measures.drift.step]))
    return {"off": float(np.log(max(off / max(measures.extent, 1e-6), LEAST)))}
