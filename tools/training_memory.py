"""Counts the memory that a step of each training recipe takes on a GPU.

    python tools training_memory [RECIPE ...]

A step is taken at the published sizes on torch's meta device, which has shapes and types but no
numbers. Weights, gradients and AdamW's two moments are float32; what is kept for the gradient is
counted in float32, of which bfloat16 takes about half. One process, the largest batch.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, fields, is_dataclass
from typing import Any, Final
from unittest import mock

import torch
from torch import Tensor, nn
from torch.autograd.graph import saved_tensors_hooks

from mapper.train.batch import SampleKinds, TrainingBatch
from mapper.train.losses.terms import Loss
from mapper.train.networks import built, objective_of
from mapper.train.objectives import cut3r, stream3r, streamvggt, vggt, wint3r
from mapper.train.objectives.streamvggt import QUERIES
from mapper.train.parameters import Optimisation, freeze, optimiser
from mapper.train.recipe import RECIPES, DataRecipe, load_recipe
from mapper.train.recomputing import recompute

META: Final = torch.device("meta")
# What depends on numbers is put aside: losses are sums of all that a network says.
LOSSES: Final = (
    (cut3r, "cut3r_loss"),
    (stream3r, "stream3r_loss"),
    (vggt, "vggt_loss"),
    (wint3r, "wint3r_loss"),
    (streamvggt, "distillation_loss"),
    (streamvggt, "cut3r_loss"),
)
PUBLISHED: Final = sorted(path.stem for path in RECIPES.glob("*.yaml") if "-mini" not in path.stem)
BYTES: Final = 4


@dataclass(frozen=True, slots=True)
class MetaStep:
    """model: with gradients, after a step. said: its outputs, part by part of the loss. kept: bytes
    of the largest part that were kept for its gradient. teacher: how many numbers it has."""

    model: nn.Module
    batch: TrainingBatch
    said: list[Any]
    kept: int
    teacher: int

    @property
    def parameters(self) -> int:
        """How many numbers the network has."""
        return sum(parameter.numel() for parameter in self.model.parameters())

    @property
    def trained(self) -> int:
        """How many of them are trained."""
        return sum(p.numel() for p in self.model.parameters() if p.requires_grad)

    @property
    def fixed(self) -> int:
        """Bytes of weights, gradients and moments."""
        return BYTES * (self.parameters + self.teacher + 3 * self.trained)


def meta_step(name: str) -> MetaStep:
    """One step of a recipe, with the largest of its batches."""
    recipe = load_recipe(name, [])
    said: list[Any] = []
    with META:
        model, teacher = built(recipe).train(), built(recipe).requires_grad_(False)
    taught = recipe.model == "streamvggt" and recipe.loss == "published"
    freeze(model, recipe.freeze)
    if recipe.recompute:
        recompute(model)
    adam = optimiser(model, Optimisation(recipe.decay, recipe.weight_decay))
    objective = objective_of(recipe, model, teacher if taught else None)  # type: ignore[arg-type]
    batch, counter = largest_batch(recipe.data), _Kept(model)
    with ExitStack() as stack:
        for module, loss in LOSSES:
            stack.enter_context(mock.patch.object(module, loss, _summed(said)))
        stack.enter_context(mock.patch.object(streamvggt, "drawn_queries", _no_queries))
        stack.enter_context(saved_tensors_hooks(counter.keep, lambda tensor: tensor))
        for part in objective(batch):
            if part.total.requires_grad:
                counter.close()
                part.total.backward()
            counter.forget()
    adam.step()
    others = sum(parameter.numel() for parameter in teacher.parameters()) if taught else 0
    return MetaStep(model, batch, said, counter.most, others)


def largest_batch(data: DataRecipe) -> TrainingBatch:
    """Of the largest of its sizes, without numbers."""
    width, height = data.width, data.height
    if data.sizes:
        width, height = max(data.sizes, key=lambda size: size[0] * size[1])
    elif data.pixels is not None:
        width = height = int(data.pixels[1] ** 0.5) // data.multiple * data.multiple
    elif data.aspects is not None:
        height = int(data.width * data.aspects[1]) // data.multiple * data.multiple
    sequences = max(data.images // data.views, 1) if data.images else data.sequences
    shape = sequences, data.views
    with META:
        none = torch.zeros(sequences, dtype=torch.bool)
        flags = torch.zeros(*shape, height, width, dtype=torch.bool)
        return TrainingBatch(
            images=torch.zeros(*shape, 3, height, width),
            depth=torch.zeros(*shape, height, width),
            T_world_camera=torch.zeros(*shape, 4, 4),
            intrinsics=torch.zeros(*shape, 3, 3),
            points=torch.zeros(*shape, height, width, 3),
            valid=flags,
            sky=flags,
            shows_image=torch.ones(shape, dtype=torch.bool, device="cpu"),
            kinds=SampleKinds(none, none, none, none),
        )


def tensors_in(value: Any) -> Iterator[Tensor]:
    """Of an output of a network."""
    if isinstance(value, Tensor):
        yield value
    elif isinstance(value, list | tuple):
        for part in value:
            yield from tensors_in(part)
    elif is_dataclass(value):
        for each in fields(value):
            yield from tensors_in(getattr(value, each.name))


class _Kept:
    """Bytes that autograd keeps, each storage once, parameters not at all."""

    def __init__(self, model: nn.Module) -> None:
        self._weights = {p.untyped_storage()._cdata for p in model.parameters()}
        self._sizes: dict[int, tuple[Tensor, int]] = {}
        self._open = True
        self.most = 0

    def keep(self, tensor: Tensor) -> Tensor:
        """A tensor that autograd wants back."""
        key = tensor.untyped_storage()._cdata
        if self._open and key not in self._weights:
            self._sizes[key] = (tensor, tensor.untyped_storage().nbytes())
        return tensor

    def close(self) -> None:
        """Before the gradient, for which blocks are computed again."""
        self.most = max(self.most, sum(size for _, size in self._sizes.values()))
        self._open = False

    def forget(self) -> None:
        """The next part begins."""
        self._sizes.clear()
        self._open = True


def _summed(said: list[Any]) -> Any:
    def loss(output: Any, *_: Any) -> Loss:
        said.append(output)
        return Loss(torch.stack([tensor.sum() for tensor in tensors_in(output)]).sum(), {})

    return loss


def _no_queries(valid: Tensor) -> Tensor:
    return torch.zeros(len(valid), QUERIES, 2, device=META)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("recipes", nargs="*", default=PUBLISHED, metavar="RECIPE")
    print("| recipe | parameters | trained | weights, gradients, moments | kept, float32 |")
    print("| --- | --- | --- | --- | --- |")
    for name in parser.parse_args().recipes:
        step = meta_step(name)
        millions = f"{step.parameters / 1e6:.0f} M | {step.trained / 1e6:.0f} M"
        print(f"| `{name}` | {millions} | {step.fixed / 1e9:.1f} GB | {step.kept / 1e9:.1f} GB |")


if __name__ == "__main__":
    main()
