"""Small lengths in words."""

from __future__ import annotations


def length_text(length: float, is_metric: bool) -> str:
    """length: metres, or units where nobody knows what they are."""
    return f"{length * 1e3:.1f} mm" if is_metric else f"{length:.4f} units"
