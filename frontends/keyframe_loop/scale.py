"""By how much one set of points must grow to be another."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final

import numpy as np

if TYPE_CHECKING:
    from jaxtyping import Bool, Float

SAMPLES: Final = 64
NEAREST: Final = 0.01  # depth below which points count no more than there


def scale_between(
    source: Float[np.ndarray, "*n 3"],
    target: Float[np.ndarray, "*n 3"],
    mask: Bool[np.ndarray, "*n"],
) -> float:
    """The scale a with a * source ~ target: of two candidates, the median ratio of all points'
    distances and the best one of a few points' coordinates, that by which depths agree better."""
    source, target = source.reshape(-1, 3), target.reshape(-1, 3)
    valid = mask.reshape(-1)
    x, y = source[valid].astype(np.float64), target[valid].astype(np.float64)
    length = np.linalg.norm(y, axis=-1)
    ratios = np.sort(length / np.linalg.norm(x, axis=-1))
    ratio = float(ratios[(len(ratios) - 1) // 2])
    candidates = (absolute_scale(source, target, valid), ratio)
    errors = [float((np.abs(a * x[:, 2] - y[:, 2]) / length).mean()) for a in candidates]
    return candidates[int(np.argmin(errors))]


def absolute_scale(
    source: Float[np.ndarray, "n 3"],
    target: Float[np.ndarray, "n 3"],
    valid: Bool[np.ndarray, " n"],
) -> float:
    """The scale that minimises the weighted sum of absolute differences of SAMPLES points."""
    chosen = spread(valid)
    x, y = source[chosen].astype(np.float64), target[chosen].astype(np.float64)
    weights = np.repeat(1 / np.maximum(y[:, 2], NEAREST), 3)
    x, y = x.ravel(), y.ravel()
    return weighted_median(y[x != 0] / x[x != 0], (weights * np.abs(x))[x != 0])


def spread(valid: Bool[np.ndarray, " n"]) -> np.ndarray:
    """Indices of valid entries, one of each of SAMPLES stretches that has any: the middle one."""
    length = max(1.0, len(valid) / SAMPLES)
    chosen = []
    for stretch in range(SAMPLES):
        middle = (stretch + 0.5) * len(valid) / SAMPLES
        start = round(middle - length / 2)
        window = np.arange(max(start, 0), min(start + math.ceil(length), len(valid)))
        window = window[valid[window]]
        if len(window):
            chosen.append(window[np.argmin(np.abs(window + 0.5 - middle))])
    return np.array(chosen, int)


def weighted_median(
    values: Float[np.ndarray, " n"], weights: Float[np.ndarray, " n"], share: float = 0.5
) -> float:
    """The first value, in order, up to which `share` of the weight lies."""
    order = np.argsort(values, kind="stable")
    total = np.cumsum(weights[order])
    return float(values[order[np.searchsorted(total, share * total[-1])]])
