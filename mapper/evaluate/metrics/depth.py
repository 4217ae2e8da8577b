"""How far predicted depth is from the true one, by the published formulas."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Final

import numpy as np
import torch
from torch import Tensor

from mapper.errors import InputError
from mapper.evaluate.metrics.depth_alignment import ALIGNMENTS
from mapper.evaluate.metrics.figures import Figures

SMALLEST_PREDICTION: Final = 1e-5  # metres, for what takes a logarithm or a ratio
THRESHOLD: Final = 1.25


@dataclass(frozen=True, slots=True)
class DepthErrors(Figures):
    """abs_rel, sq_rel (metres), rmse (metres), log_rmse: of all valid pixels together.

    delta_*: the share of pixels for which neither depth is more than 1, 1.25, 1.25^2, 1.25^3 times
    the other (the first is published, and practically 0). valid_pixels: how many there were.
    """

    abs_rel: float
    sq_rel: float
    rmse: float
    log_rmse: float
    delta_1_0: float
    delta_1: float
    delta_2: float
    delta_3: float
    valid_pixels: int


def valid_depth(true: np.ndarray, max_depth: float = 0.0) -> np.ndarray:
    """bool (...): pixels whose true depth (metres, 0, negative or NaN = none) counts.

    max_depth: what is as far or farther does not; 0 = no limit.
    """
    valid = np.isfinite(true) & (true > 0)
    return valid & (true < max_depth) if max_depth else valid


def depth_errors(
    predicted: np.ndarray,
    true: np.ndarray,
    valid: np.ndarray,
    alignment: str,
    clip: float = 0.0,
) -> DepthErrors:
    """Errors of predicted against true depth (...) over the pixels of valid (...), aligned at once.

    alignment: a name of ALIGNMENTS. clip: metres to which the aligned prediction is cut; 0 = none.
    Source: specs of CUT3R's evaluation, sections B and C. Raises InputError if nothing is valid.
    """
    if not valid.any():
        raise InputError("no pixel has a valid true depth and a prediction; check the depth files")
    reference = torch.from_numpy(np.ascontiguousarray(true[valid], np.float32))
    estimate = torch.from_numpy(np.ascontiguousarray(predicted[valid], np.float32))
    estimate = ALIGNMENTS[alignment](estimate, reference)
    return _errors(estimate.clamp(max=clip) if clip else estimate, reference)


def _errors(estimate: Tensor, true: Tensor) -> DepthErrors:
    difference = estimate - true
    positive = estimate.clamp(min=SMALLEST_PREDICTION)
    ratio = torch.maximum(positive / true, true / positive)
    share = [float((ratio < THRESHOLD**power).float().mean()) for power in range(4)]
    return DepthErrors(
        float((difference.abs() / true).mean()),
        float((difference.square() / true).mean()),
        float(difference.square().mean().sqrt()),
        float((positive.log() - true.log()).square().mean().sqrt()),
        share[0],
        share[1],
        share[2],
        share[3],
        len(true),
    )


def pixel_mean(errors: Sequence[DepthErrors]) -> DepthErrors:
    """The mean of several, each weighted by its valid pixels: what the papers report."""
    weights = [e.valid_pixels for e in errors]
    means = {
        f.name: float(np.average([getattr(e, f.name) for e in errors], weights=weights))
        for f in fields(DepthErrors)
        if f.name != "valid_pixels"
    }
    return DepthErrors(**means, valid_pixels=sum(weights))
