"""Scale, and shift, that bring predicted depth to the true one, as the published evaluations do."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

import torch
from torch import Tensor

REWEIGHTINGS: Final = 10
SMALLEST_RESIDUAL: Final = 1e-8
SMALLEST_SCALE: Final = 1e-3
LEARNING_RATE: Final = 1e-4
MAX_STEPS: Final = 1000
SETTLED: Final = 1e-6  # change of the summed error between two steps


def unchanged(predicted: Tensor, true: Tensor) -> Tensor:
    """Metric depth is compared as it is."""
    return predicted


def median_scaled(predicted: Tensor, true: Tensor) -> Tensor:
    """predicted (N,), times the ratio of the medians (of an even count the lower middle one)."""
    return predicted * true.median() / predicted.median()


def robustly_scaled(predicted: Tensor, true: Tensor) -> Tensor:
    """predicted (N,), times the scale of least absolute error, by iterative reweighting."""
    scale = true.nanmean() / predicted.nanmean()
    for _ in range(REWEIGHTINGS):
        weight = ((scale * predicted - true).abs() + SMALLEST_RESIDUAL).reciprocal()
        scale = (weight * predicted * true).sum() / (weight * predicted.square()).sum()
    return scale.clamp(min=SMALLEST_SCALE) * predicted


def scaled_and_shifted(predicted: Tensor, true: Tensor) -> Tensor:
    """predicted (N,), scaled and shifted by Adam on the summed absolute error.

    From the ratio of the medians and no shift, in small steps: the published figures depend on
    where this stops, which is short of the optimum.
    """
    start = float(true.median() / predicted.median())
    scale = torch.tensor([start], dtype=predicted.dtype, requires_grad=True)
    shift = torch.zeros(1, dtype=predicted.dtype, requires_grad=True)
    optimiser = torch.optim.Adam([scale, shift], lr=LEARNING_RATE)
    last = float("inf")
    for _ in range(MAX_STEPS):
        optimiser.zero_grad()
        error = (scale * predicted + shift - true).abs().sum()
        error.backward()
        optimiser.step()
        if abs(last - error.item()) < SETTLED:
            break
        last = error.item()
    return (scale * predicted + shift).detach()


def least_squares(predicted: Tensor, true: Tensor) -> Tensor:
    """predicted (N,), with the scale and the shift of least squared error."""
    columns = torch.stack([predicted, torch.ones_like(predicted)], 1)
    solution = torch.linalg.lstsq(columns, true[:, None]).solution[:, 0]
    return solution[0] * predicted + solution[1]


ALIGNMENTS: Final[Mapping[str, Callable[[Tensor, Tensor], Tensor]]] = {
    "metric": unchanged,
    "median": median_scaled,
    "scale": robustly_scaled,
    "scale_shift": scaled_and_shifted,
    "least_squares": least_squares,
}
