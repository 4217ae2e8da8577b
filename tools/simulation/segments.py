"""Which frames are predicted in which segment."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from simulation.config import SimulationConfig
from simulation.processes import Stream, generator


@dataclass(frozen=True, slots=True)
class Segment:
    """frames: indices, increasing. scale: of its whole world against the first segment's."""

    id: int
    frames: list[int]
    scale: float


def split_into_segments(predicted: list[int], config: SimulationConfig) -> list[Segment]:
    """Segments of reset_every of the predicted frames, consecutive ones sharing one frame."""
    if not config.reset_every:
        return [Segment(0, predicted, 1.0)]
    step = config.reset_every - 1
    starts = range(0, max(len(predicted) - 1, 0) + 1, step)
    scales = _scales(len(starts), config)
    return [
        Segment(k, predicted[first : first + config.reset_every], scale)
        for k, (first, scale) in enumerate(zip(starts, scales, strict=True))
    ]


def lost_frames(config: SimulationConfig) -> set[int]:
    """Indices of the frames without prediction."""
    return {i for first, count in config.lost for i in range(first, first + count)}


def _scales(count: int, config: SimulationConfig) -> list[float]:
    low, high = np.log(config.reset_scale)
    scales = np.exp(generator(config.seed, Stream.RESETS).uniform(low, high, count))
    scales[0] = 1.0
    return [1.0 if config.metric else float(scale) for scale in scales]
