"""Numbers as options take them, for argparse."""

from __future__ import annotations

import argparse
import math


def positive(text: str) -> float:
    """A finite number above zero, for argparse."""
    value = float(text)
    if not (math.isfinite(value) and value > 0):
        raise argparse.ArgumentTypeError(f"{text} is not a number above zero")
    return value


def not_negative(text: str) -> float:
    """A finite number of at least zero, for argparse."""
    value = float(text)
    if not (math.isfinite(value) and value >= 0):
        raise argparse.ArgumentTypeError(f"{text} is below zero")
    return value
