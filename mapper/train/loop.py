"""The loop of a training: batches in, checkpoints and a log out."""

from __future__ import annotations

import json
import logging
import math
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any, Final

import torch

from mapper.errors import InputError
from mapper.runtime.atomic_files import output_error
from mapper.train.batch import TrainingBatch
from mapper.train.checkpoint import restore_training, save_training
from mapper.train.curves import Curves, by_curve
from mapper.train.data.ahead import read_ahead
from mapper.train.data.batches import Batches
from mapper.train.networks import Trained
from mapper.train.parameters import Optimisation, freeze, optimiser
from mapper.train.processes import ALONE, Processes
from mapper.train.recipe import Recipe
from mapper.train.stepping import Clipping, OptimiserStep, looked_at

logger = logging.getLogger(__name__)
LOG: Final = "log.jsonl"
MOST_SKIPPED: Final = 5  # batches in a row whose loss is no number


@dataclass(frozen=True, slots=True)
class Training:
    """validation: never trained on, or None. until: time.monotonic() at which to stop, saved.
    workers: threads that read batches ahead. curves: where people watch."""

    recipe: Recipe
    trained: Trained
    batches: Batches
    validation: Batches | None
    folder: Path
    until: float = math.inf
    tell: Callable[[str], None] = print
    processes: Processes = ALONE
    workers: int = 0
    curves: Sequence[Curves] = ()

    def run(self) -> int:
        """Train from where the folder's checkpoint ends; the number of steps done in the end."""
        recipe, model = self.recipe, self.trained.model
        freeze(model, recipe.freeze)
        betas = (recipe.beta1, recipe.beta2)
        adam = optimiser(
            model, Optimisation(recipe.decay, recipe.weight_decay, betas, recipe.matrices)
        )
        done = restore_training(self.folder, model, adam, recipe)
        clipping = Clipping(recipe.clip or math.inf, tuple(recipe.clip_parts))
        move = OptimiserStep(
            model, self.trained.objective, adam, clipping, recipe.step_each_chunk, self.processes
        )
        log = _Log(self.folder / LOG, done, self.tell, recipe, self.curves)
        numbers = (number for later in range(done, recipe.steps) for number in self._numbers(later))
        with closing(read_ahead(self.batches, numbers, self.workers)) as ahead:
            step = self._learn(move, ahead, log, done)
        self._save(adam, step)
        return step

    def _learn(
        self, move: OptimiserStep, ahead: Iterator[TrainingBatch], log: _Log, done: int
    ) -> int:
        """The steps that are left, or as many as there is time for; how many are done then."""
        recipe, device = self.recipe, self.processes.device
        schedule = recipe.rate.schedule(recipe.steps)
        skipped, step = 0, done
        while step < recipe.steps and self.processes.agree(time.monotonic() < self.until):
            rate = schedule.at(step, step)
            try:
                batches = [batch.to(device) for batch in islice(ahead, recipe.accumulate)]
                parts = move(batches, rate)
            except torch.OutOfMemoryError as error:
                raise InputError(no_room(recipe)) from error
            moved = math.isfinite(parts["gradient"])
            skipped = 0 if moved else skipped + 1
            if skipped:
                logger.warning("step %d: the loss is no number; its batch is left out", step)
            if skipped > MOST_SKIPPED:
                raise InputError(
                    f"{self.folder}: the loss of {skipped} batches in a row is no number; set "
                    "rate.highest lower, and go on from the last checkpoint"
                )
            step += 1
            if moved and not self.processes.rank:
                log.add(step, parts, rate)
            if step % recipe.save_every == 0:
                self._save(move.adam, step)
            if self.validation is not None and step % recipe.validate_every == 0:
                self._validate(log, step)
        return step

    def _numbers(self, step: int) -> list[int]:
        """Of this process's batches of a step: those of all processes follow one another, so that
        as many batches accumulated by one process are the same step."""
        first = step * self.recipe.accumulate
        return [
            (first + part) * self.processes.count + self.processes.rank
            for part in range(self.recipe.accumulate)
        ]

    def _save(self, adam: torch.optim.Optimizer, step: int) -> None:
        if not self.processes.rank:
            save_training(self.folder, self.trained.model, adam, step, self.recipe)

    def _validate(self, log: _Log, step: int) -> None:
        """The first process does, the others wait for its next gradient."""
        if not self.processes.rank:
            log.write({"step": step, "validation": self.validated()})

    def validated(self) -> dict[str, float]:
        """Mean parts of the loss over the first validation batches, and errors of what is seen."""
        assert self.validation is not None
        held_back = (
            self.validation[number].to(self.processes.device)
            for number in range(self.recipe.validation_batches)
        )
        trained = self.trained
        return looked_at(trained.model, trained.objective, held_back, trained.look)


def no_room(recipe: Recipe) -> str:
    """What to say of a batch that does not fit: the setting that halves it, the cheapest first."""
    data = recipe.data
    if not recipe.recompute:
        remedy = "set recompute=true, which computes blocks again instead of keeping them"
    elif data.images > data.views:
        remedy = f"set data.images={data.images // 2}"
    elif data.sequences > 1 and not data.images:
        remedy = f"set data.sequences={data.sequences // 2}"
    else:
        remedy = f"set data.views={max(data.views // 2, 2)}"
    return f"a batch does not fit into the GPU's memory: {remedy}; accumulate makes up for it"


class _Log:
    """A line of JSON now and then, and one for people with the time that is left."""

    def __init__(
        self,
        path: Path,
        done: int,
        tell: Callable[[str], None],
        recipe: Recipe,
        curves: Sequence[Curves],
    ) -> None:
        self._path, self._tell, self._recipe, self._curves = path, tell, recipe, curves
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
        """Append one line, and a point to each curve."""
        try:
            with self._path.open("a", encoding="utf-8") as file:
                file.write(json.dumps(line) + "\n")
        except OSError as error:
            raise output_error(self._path, error) from error
        for curves in self._curves:
            curves.add(int(line["step"]), by_curve(line))
