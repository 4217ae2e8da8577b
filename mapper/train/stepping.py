"""One step of the optimiser: losses, their gradients, clipping, and what is told of it."""

from __future__ import annotations

import fnmatch
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from mapper.errors import ConfigError
from mapper.train.muon import MULTIPLE
from mapper.train.processes import ALONE, Processes

if TYPE_CHECKING:
    from mapper.train.batch import TrainingBatch
    from mapper.train.losses.terms import Loss
    from mapper.train.objectives.objective import Objective


@dataclass(frozen=True, slots=True)
class Clipping:
    """norm: of a gradient at most. parts: of the network, clipped each by itself; () = the whole.

    As published a gradient that is accumulated is clipped after every batch; here once, before the
    step.
    """

    norm: float = 1.0
    parts: tuple[str, ...] = ()

    def __call__(self, model: nn.Module) -> float:
        """Clips in place; the largest norm before. Raises ConfigError for a part that is none."""
        norms = []
        named = dict(model.named_parameters())
        for part in self.parts or ("*",):
            chosen = [
                parameter
                for name, parameter in named.items()
                if fnmatch.fnmatchcase(name, part) or name.startswith(f"{part}.")
            ]
            if not chosen:
                raise ConfigError(f"clip_parts: {part!r} is no part of this network")
            norms.append(nn.utils.clip_grad_norm_(chosen, self.norm))
        return float(torch.stack(norms).max())


@dataclass(slots=True)
class Told:
    """Parts of the loss, each weighed by its share, and norms of the gradient."""

    sums: dict[str, Tensor] = field(default_factory=dict)
    gradients: list[float] = field(default_factory=list)

    def add(self, loss: Loss, share: float) -> None:
        """share: of the step."""
        for name, value in {"total": loss.total, **loss.parts}.items():
            part = share * value.detach()
            self.sums[name] = self.sums[name] + part if name in self.sums else part

    def numbers(self) -> dict[str, float]:
        """By name; the largest gradient as "gradient"."""
        values = torch.stack([value.double() for value in self.sums.values()]).tolist()
        found = dict(zip(self.sums, values, strict=True))  # by one transfer from a GPU
        return found | ({"gradient": max(self.gradients)} if self.gradients else {})


@dataclass(frozen=True, slots=True)
class OptimiserStep:
    """each_part: the optimiser moves after every part of a batch's loss, as CUT3R's long sequences
    are published; else once, by the gradients of all."""

    model: nn.Module
    objective: Objective
    adam: torch.optim.Optimizer
    clipping: Clipping = Clipping()
    each_part: bool = False
    processes: Processes = ALONE

    def __call__(self, batches: Sequence[TrainingBatch], rate: float) -> dict[str, float]:
        """Losses and the gradient's norm, means over batches and processes.

        Where one of them is no number, nothing moves.
        """
        for group in self.adam.param_groups:
            group["lr"] = rate * group.get(MULTIPLE, 1.0)
        self.adam.zero_grad(set_to_none=True)
        told = Told()
        for batch in batches:
            for loss in self.objective(batch):
                share = loss.share / len(batches)
                told.add(loss, share)
                if not loss.total.requires_grad:
                    continue
                if self.each_part:
                    loss.total.backward()
                    self._move(told)
                    self.adam.zero_grad(set_to_none=True)
                else:
                    (loss.total * share).backward()
        if not self.each_part:
            self._move(told)
        return self.processes.means(told.numbers())

    def _move(self, told: Told) -> None:
        self.processes.average_gradients(self.model.parameters())
        norm = self.clipping(self.model)
        told.gradients.append(norm)
        # A loss that is no number has such a gradient; asked of the gradient, all processes agree.
        if math.isfinite(norm):
            self.adam.step()


@torch.no_grad()
def looked_at(
    model: nn.Module,
    objective: Objective,
    batches: Iterable[TrainingBatch],
    look: Callable[[TrainingBatch], Mapping[str, float]] | None = None,
) -> dict[str, float]:
    """Mean parts of the loss, nothing trained; the model is in evaluation mode meanwhile.

    look: what else there is to tell of a batch.
    """
    training, found = model.training, dict[str, list[float]]()
    model.eval()
    for batch in batches:
        told = Told()
        for loss in objective(batch):
            told.add(loss, loss.share)
        for name, value in {**told.numbers(), **(look(batch) if look else {})}.items():
            found.setdefault(name, []).append(value)
    model.train(training)
    return {name: sum(values) / len(values) for name, values in found.items()}
