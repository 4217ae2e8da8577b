"""The network that a recipe trains, and what it is asked for."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import nn

from mapper.frontends.vggt.config import VggtConfig
from mapper.frontends.vggt.network import Vggt
from mapper.train.batch import TrainingBatch
from mapper.train.losses.terms import Loss
from mapper.train.objectives.stream3r import stream3r_objective
from mapper.train.recipe import Recipe


@dataclass(frozen=True, slots=True)
class Trained:
    """model: in training mode. objective: its loss of a batch."""

    model: nn.Module
    objective: Callable[[TrainingBatch], Loss]


def random_network(recipe: Recipe) -> Trained:
    """Drawn by the recipe's seed."""
    torch.manual_seed(recipe.seed)
    model = Vggt(VggtConfig.of(recipe.network, track_head=False))
    _draw(model)

    def objective(batch: TrainingBatch) -> Loss:
        return stream3r_objective(model, batch, recipe.limit_images)

    return Trained(model.train(), objective)


@torch.no_grad()
def _draw(model: nn.Module) -> None:
    """Matrices by Glorot's rule, biases 0, tokens and position tables small."""
    for layer in model.modules():
        if isinstance(layer, nn.Linear):
            nn.init.xavier_uniform_(layer.weight)
            if layer.bias is not None:
                nn.init.zeros_(layer.bias)
    for name, parameter in model.named_parameters():
        if name.endswith(("_token", "_tokens", "pos_embed")):
            nn.init.trunc_normal_(parameter, std=0.02)
