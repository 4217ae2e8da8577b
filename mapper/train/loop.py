"""The loop of a training: batches in, checkpoints and a log out."""

from __future__ import annotations

import json
import logging
import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import torch
from torch import nn

from mapper.errors import InputError
from mapper.train.checkpoint import restore_training, save_training
from mapper.train.data.batches import Batches
from mapper.train.networks import Trained
from mapper.train.parameters import Optimisation, freeze, optimiser
from mapper.train.recipe import Recipe
from mapper.train.schedules import StepCosine

logger = logging.getLogger(__name__)
LOG: Final = "log.jsonl"
MOST_SKIPPED: Final = 5  # batches in a row whose loss is no number


@dataclass(frozen=True, slots=True)
class Training:
    """validation: never trained on, or None. until: time.monotonic() at which to stop, saved."""

    recipe: Recipe
    trained: Trained
    batches: Batches
    validation: Batches | None
    folder: Path
    until: float = math.inf
    tell: Callable[[str], None] = print

    def run(self) -> int:
        """Train from where the folder's checkpoint ends; the number of steps done in the end."""
        recipe, model = self.recipe, self.trained.model
        freeze(model, recipe.freeze)
        betas = (recipe.beta1, recipe.beta2)
        adam = optimiser(model, Optimisation(recipe.decay, recipe.weight_decay, betas))
        done = restore_training(self.folder, model, adam, recipe)
        rate = recipe.rate
        schedule = StepCosine(rate.highest, rate.lowest, rate.start, rate.warm_up, recipe.steps)
        log = _Log(self.folder / LOG, done, self.tell, recipe)
        skipped, step = 0, done
        while step < recipe.steps and time.monotonic() < self.until:
            for group in adam.param_groups:
                group["lr"] = schedule.at(0, step)
            parts = self._step(step, adam)
            skipped = skipped + 1 if parts is None else 0
            if skipped > MOST_SKIPPED:
                raise InputError(
                    f"{self.folder}: the loss of {skipped} batches in a row is no number; set "
                    "rate.highest lower, and go on from the last checkpoint"
                )
            step += 1
            if parts is not None:
                log.add(step, parts, schedule.at(0, step - 1))
            if step % recipe.save_every == 0:
                save_training(self.folder, model, adam, step, recipe)
            if self.validation is not None and step % recipe.validate_every == 0:
                log.write({"step": step, "validation": self.validated()})
        save_training(self.folder, model, adam, step, recipe)
        return step

    def _step(self, step: int, adam: torch.optim.Optimizer) -> dict[str, float] | None:
        """One step of the optimiser; what the loss is made of, or None of no number."""
        recipe, parts = self.recipe, dict[str, float]()
        adam.zero_grad(set_to_none=True)
        for part in range(recipe.accumulate):
            loss = self.trained.objective(self.batches[step * recipe.accumulate + part])
            (loss.total / recipe.accumulate).backward()
            for name, value in {"total": loss.total, **loss.parts}.items():
                parts[name] = parts.get(name, 0.0) + float(value.detach()) / recipe.accumulate
        norm = nn.utils.clip_grad_norm_(self.trained.model.parameters(), recipe.clip)
        parts["gradient"] = float(norm)
        if not math.isfinite(parts["total"]) or not math.isfinite(parts["gradient"]):
            logger.warning("step %d: the loss is no number; its batch is left out", step)
            return None
        adam.step()
        return parts

    @torch.no_grad()
    def validated(self) -> dict[str, float]:
        """Mean parts of the loss over the first validation batches."""
        assert self.validation is not None
        self.trained.model.eval()
        count, sums = self.recipe.validation_batches, dict[str, float]()
        for number in range(count):
            loss = self.trained.objective(self.validation[number])
            for name, value in {"total": loss.total, **loss.parts}.items():
                sums[name] = sums.get(name, 0.0) + float(value) / count
        self.trained.model.train()
        return sums


class _Log:
    """A line of JSON now and then, and one for people with the time that is left."""

    def __init__(self, path: Path, done: int, tell: Callable[[str], None], recipe: Recipe) -> None:
        self._path, self._tell, self._recipe = path, tell, recipe
        self._first, self._started = done, time.monotonic()
        self._sums: dict[str, float] = {}
        self._count = 0

    def add(self, step: int, parts: dict[str, float], rate: float) -> None:
        """Of one step; written with the mean since the last line."""
        for name, value in parts.items():
            self._sums[name] = self._sums.get(name, 0.0) + value
        self._count += 1
        if step % self._recipe.log_every:
            return
        means = {name: value / self._count for name, value in self._sums.items()}
        self._sums, self._count = {}, 0
        self.write({"step": step, "rate": rate, **means})
        each = (time.monotonic() - self._started) / (step - self._first)
        left = each * (self._recipe.steps - step)
        self._tell(
            f"step {step} of {self._recipe.steps}: loss {means['total']:.4f}, "
            f"{each:.2f} s a step, {left / 3600:.1f} h left"
        )

    def write(self, line: dict[str, Any]) -> None:
        """Append one line."""
        with self._path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(line) + "\n")
