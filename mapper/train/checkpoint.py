"""A training on disk: all that it takes to go on as if nothing had happened.

`training.pt` holds tensors and numbers alone and is read without executing anything;
`model.safetensors` beside it with config.json is what the frontends load.
"""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import IO, Any, Final, cast

import torch
from safetensors.torch import save
from torch import nn

from mapper.errors import InputError
from mapper.runtime.atomic_files import atomic_write
from mapper.train.recipe import Recipe

STATE: Final = "training.pt"
MODEL: Final = "model.safetensors"
CONFIG: Final = "config.json"


def save_training(
    folder: Path, model: nn.Module, optimiser: torch.optim.Optimizer, step: int, recipe: Recipe
) -> None:
    """Written beside the last one and then put in its place: a full disk leaves that one whole."""
    state: dict[str, Any] = {
        "model": model.state_dict(),
        "optimiser": optimiser.state_dict(),
        "step": step,
        "random": torch.get_rng_state(),
        "recipe": asdict(recipe),
    }
    with atomic_write(folder / STATE, "wb") as file:
        written = _Written(file)
        try:
            torch.save(state, cast("IO[bytes]", written))
        except RuntimeError as error:  # torch's own, which says nothing of the disk
            raise written.fault or error from error
    tensors = {name: tensor.contiguous() for name, tensor in model.state_dict().items()}
    with atomic_write(folder / MODEL, "wb") as file:
        file.write(save(tensors))
    with atomic_write(folder / CONFIG) as file:
        json.dump(recipe.network, file, indent=1)


class _Written:
    """A file that remembers what kept it from being written."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self.fault: OSError | None = None

    def write(self, part: Any) -> int:
        """As a file does."""
        try:
            return self._file.write(part)
        except OSError as error:
            self.fault = error
            raise

    def flush(self) -> None:
        """As a file does."""
        self._file.flush()


def restore_training(
    folder: Path, model: nn.Module, optimiser: torch.optim.Optimizer, recipe: Recipe
) -> int:
    """The number of steps done; 0 where nothing was saved. Raises InputError for a training by
    another recipe: only its length and what is logged may change."""
    path = folder / STATE
    if not path.exists():
        return 0
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
        before, now = _with_defaults(dict(state["recipe"])), asdict(recipe)
    except Exception as error:  # torch raises whatever its reader meets
        raise InputError(
            f"{path}: no training of ours, or cut off ({error}); remove it to begin anew, or "
            "choose another --out"
        ) from error
    for name in FREE:
        before.pop(name, None)
        now.pop(name, None)
    if before != now:
        other = sorted(name for name in now if now[name] != before.get(name))
        raise InputError(
            f"{folder}: it was trained by another recipe ({', '.join(other)} differ); "
            "choose another --out"
        )
    model.load_state_dict(state["model"])
    optimiser.load_state_dict(state["optimiser"])
    torch.set_rng_state(state["random"])
    return int(state["step"])


def _with_defaults(recipe: dict[str, Any]) -> dict[str, Any]:
    """A recipe that was saved before some of today's keys were there: those had the defaults."""
    defaults = asdict(Recipe())
    for group in ("data", "rate"):
        recipe[group] = defaults[group] | recipe[group]
    return defaults | recipe


# What may change from one stretch of a training to the next.
FREE: Final = ("steps", "log_every", "save_every", "validate_every", "validation_batches")
