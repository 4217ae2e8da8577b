"""Adam with a learning rate that falls in a line."""

from __future__ import annotations

from collections.abc import Callable

import torch

from mapper.backend.pairwise.config import PairwiseConfig
from mapper.backend.pairwise.objective import PairwiseObjective
from mapper.backend.pairwise.parameters import Parameters

BETAS = (0.9, 0.9)

Progress = Callable[[int, float], None]


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
