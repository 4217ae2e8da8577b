"""Settings of the reference's pairwise alignment."""

from __future__ import annotations

from typing import Annotated

from annotated_types import Ge

from mapper.core.quantities import Device, Keyframes, NonNegative, Whole
from mapper.core.settings_model import settings


@settings
class PairwiseConfig:
    """The reference's pairwise alignment (backend.align=pairwise).

    max_keyframes: more are thinned evenly, for time and memory grow with the square: 60 at 512x384
        need some 25 GB, 30 a quarter of that.
    iterations: steps of Adam.
    device: where it is computed; auto = a GPU if there is one.
    learning_rate: of the first step; as published.
    final_learning_rate: what its line reaches one step after the last; as published.
    """

    max_keyframes: Annotated[Keyframes, Ge(2)] = 60
    iterations: Whole = 300
    device: Device = "auto"
    learning_rate: NonNegative = 0.01
    final_learning_rate: NonNegative = 1e-6

    def __post_init__(self) -> None:
        if self.final_learning_rate > self.learning_rate:
            raise ValueError(
                f"learning_rate={self.learning_rate}, final_learning_rate="
                f"{self.final_learning_rate}: the last must not be above the first"
            )

    def learning_rate_at(self, iteration: int) -> float:
        """Of one step of Adam; it falls in a line."""
        share = iteration / self.iterations
        return self.learning_rate + (self.final_learning_rate - self.learning_rate) * share
