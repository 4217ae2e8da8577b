"""The fit of mapper.checking.prediction, by tools/benchmarks/maps/checking.py."""

from __future__ import annotations

from typing import Final

CONSTANT: Final = -0.555
COEFFICIENTS: Final = {"local": 0.433, "revisited": 0.328}
SPREAD: Final = 0.788  # deviation of the logarithm of the error
SPREAD_UNTIED: Final = 0.788  # the same of maps that saw no place again
