"""Adam with a learning rate that falls in a line."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch

from mapper.backend.pairwise.objective import PairwiseObjective
from mapper.backend.pairwise.parameters import Parameters
from mapper.errors import ConfigError

BETAS = (0.9, 0.9)

Progress = Callable[[int, float], None]


@dataclass(frozen=True, slots=True)
class PairwiseConfig:
    """iterations: steps of Adam. learning_rate, final_learning_rate: of the first step, and what
    the line reaches one step after the last. device: cpu, cuda, mps, or auto (a GPU if any)."""

    iterations: int = 300
    learning_rate: float = 0.01
    final_learning_rate: float = 1e-6
    device: str = "auto"

    def __post_init__(self) -> None:
        if self.iterations < 0:
            raise ConfigError(f"iterations={self.iterations}: expected 0 or more")
        if not 0 <= self.final_learning_rate <= self.learning_rate:
            raise ConfigError(
                f"learning_rate={self.learning_rate}, final_learning_rate="
                f"{self.final_learning_rate}: expected 0 <= final <= first"
            )

    def learning_rate_at(self, iteration: int) -> float:
        share = iteration / self.iterations
        return self.learning_rate + (self.final_learning_rate - self.learning_rate) * share

    def torch_device(self) -> torch.device:
        """Raises ConfigError where this machine lacks the device that was asked for."""
        if self.device == "auto":
            return torch.device("cuda" if torch.cuda.is_available() else "cpu")
        try:
            return torch.empty(0, device=self.device).device
        except (RuntimeError, AssertionError) as error:
            raise ConfigError(
                f"device={self.device}: PyTorch cannot use it here; cpu always works"
            ) from error


def optimised(
    objective: PairwiseObjective,
    start: Parameters,
    config: PairwiseConfig,
    progress: Progress | None = None,
) -> tuple[Parameters, list[float]]:
    """The parameters after all iterations, and the loss before each and after the last.

    progress: told the number of iterations done and the loss before the last of them.
    """
    parameters = start.trainable()
    adam = torch.optim.Adam(parameters.tensors(), betas=BETAS)
    losses = []
    for iteration in range(config.iterations):
        adam.param_groups[0]["lr"] = config.learning_rate_at(iteration)
        adam.zero_grad()
        losses.append(objective.backward(parameters))
        adam.step()
        if progress is not None:
            progress(iteration + 1, losses[-1])
    losses.append(objective.loss(parameters))
    return parameters.detached(), losses
