"""Several processes that train one network, each on batches of its own, started by accelerate.

    accelerate launch --num_processes 8 -m mapper train ...

Each step takes the mean of all their gradients, whichever way a network is called: the published
training of CUT3R's long sequences calls it past its wrapper, and averages nothing.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final, Protocol

import torch
from torch import Tensor, distributed, nn

from mapper.errors import ConfigError

CPU: Final = torch.device("cpu")
BUCKET: Final = 2**25  # numbers that are sent at once


class Processes(Protocol):
    """All of them, as one of them sees them."""

    @property
    def count(self) -> int:
        """How many there are."""
        ...

    @property
    def rank(self) -> int:
        """Which one this is, from 0."""
        ...

    @property
    def device(self) -> torch.device:
        """Where this one computes."""
        ...

    def average_gradients(self, parameters: Iterable[nn.Parameter]) -> None:
        """In place; where no process has a gradient there is none afterwards."""
        ...

    def means(self, numbers: dict[str, float]) -> dict[str, float]:
        """Of all processes, which name the same ones."""
        ...

    def agree(self, answer: bool) -> bool:
        """What the first process answers."""
        ...


@dataclass(frozen=True, slots=True)
class Alone:
    """One process."""

    device: torch.device = CPU
    count: int = 1
    rank: int = 0

    def average_gradients(self, parameters: Iterable[nn.Parameter]) -> None:
        """They are the mean."""

    def means(self, numbers: dict[str, float]) -> dict[str, float]:
        """The numbers."""
        return numbers

    def agree(self, answer: bool) -> bool:
        """The answer."""
        return answer


ALONE: Final = Alone()


@dataclass(frozen=True, slots=True)
class Together:
    """One of several, in torch's default group."""

    device: torch.device
    count: int
    rank: int

    def average_gradients(self, parameters: Iterable[nn.Parameter]) -> None:
        """In buckets. A process whose batch had no use for a parameter counts as 0."""
        trained = [parameter for parameter in parameters if parameter.requires_grad]
        used = torch.tensor([p.grad is not None for p in trained], device=self.device).int()
        distributed.all_reduce(used)
        chosen = [p for p, count in zip(trained, used.tolist(), strict=True) if count]
        for bucket in _buckets(chosen):
            flat = torch.cat([_gradient(parameter).flatten() for parameter in bucket])
            distributed.all_reduce(flat)
            flat /= self.count
            parts = flat.split([parameter.numel() for parameter in bucket])
            for parameter, part in zip(bucket, parts, strict=True):
                parameter.grad = part.view_as(parameter).clone()

    def means(self, numbers: dict[str, float]) -> dict[str, float]:
        """Names must be the same in all processes."""
        values = torch.tensor(list(numbers.values()), dtype=torch.float64, device=self.device)
        distributed.all_reduce(values)
        return dict(zip(numbers, (values / self.count).tolist(), strict=True))

    def agree(self, answer: bool) -> bool:
        """Of the first process."""
        told = torch.tensor([answer], dtype=torch.uint8, device=self.device)
        distributed.broadcast(told, 0)
        return bool(told.item())


def started() -> Processes:
    """What this process was started as: one of several by accelerate or torchrun, or alone.

    Raises ConfigError where accelerate is missing, or does not know the others.
    """
    count = int(os.environ.get("WORLD_SIZE", "1"))
    if count == 1:
        return Alone(torch.device("cuda" if torch.cuda.is_available() else "cpu"))
    try:
        from accelerate import PartialState
    except ImportError as error:
        raise ConfigError(
            "training in several processes needs the extra train: pip install accelerate"
        ) from error
    state = PartialState(cpu=not torch.cuda.is_available())
    if state.num_processes != count:  # else each would train alone, and overwrite the others
        raise ConfigError(
            f"accelerate knows of {state.num_processes} processes where {count} were started: "
            "start them by accelerate launch"
        )
    return Together(state.device, state.num_processes, state.process_index)


def _gradient(parameter: nn.Parameter) -> Tensor:
    return torch.zeros_like(parameter) if parameter.grad is None else parameter.grad


def _buckets(parameters: Iterable[nn.Parameter]) -> list[list[nn.Parameter]]:
    found: list[list[nn.Parameter]] = []
    room = 0
    for parameter in parameters:
        if not found or parameter.numel() > room:
            found.append([])
            room = BUCKET
        found[-1].append(parameter)
        room -= parameter.numel()
    return found
