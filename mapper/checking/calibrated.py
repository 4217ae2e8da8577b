"""The fit of mapper.checking.prediction, by tools/benchmarks/maps/checking.py."""

from __future__ import annotations

from typing import Final

CONSTANT: Final = -0.573
COEFFICIENTS: Final = {"local": 0.407, "revisited": 0.357}
SPREAD: Final = 0.766  # deviation of the logarithm of the error
SPREAD_UNTIED: Final = 0.766  # the same of maps that saw no place again
