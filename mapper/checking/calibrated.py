"""The fit of mapper.checking.prediction, by tools/benchmarks/maps/checking.py."""

from __future__ import annotations

from typing import Final

CONSTANT: Final = -0.555
COEFFICIENTS: Final = {"local": 0.433, "revisited": 0.328}
WITHIN: Final = 2.75  # factor, either way, of 8 of 10 errors
WITHIN_UNTIED: Final = 2.75  # the same of maps that saw no place again
