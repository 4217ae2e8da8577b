"""The network that a recipe trains, and what it is asked for."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import torch
from torch import nn

from mapper.errors import ConfigError, InputError
from mapper.frontends.cut3r.config import Cut3rConfig
from mapper.frontends.cut3r.model import Cut3r
from mapper.frontends.layers.patch_embedding import PatchEmbedding
from mapper.frontends.vggt.config import VggtConfig
from mapper.frontends.vggt.loading import load_vggt
from mapper.frontends.vggt.network import Vggt
from mapper.frontends.wint3r.config import Wint3rConfig
from mapper.frontends.wint3r.network import Wint3r
from mapper.train.batch import TrainingBatch
from mapper.train.encoder_start import cut3r_encoder
from mapper.train.looking import seen_errors
from mapper.train.losses.cut3r import Cut3rCriterion
from mapper.train.objectives.begun_state import begin_matching
from mapper.train.objectives.cut3r import Cut3rObjective
from mapper.train.objectives.emphasis import Emphasis
from mapper.train.objectives.objective import Looking, MixedPrecision, Objective
from mapper.train.objectives.stream3r import Stream3rObjective
from mapper.train.objectives.streamvggt import DistillationObjective, PointsObjective
from mapper.train.objectives.taught_attention import TaughtAttention
from mapper.train.objectives.taught_state import TaughtState
from mapper.train.objectives.vggt import VggtObjective
from mapper.train.objectives.wint3r import Wint3rObjective
from mapper.train.recipe import Recipe
from mapper.train.recomputing import recompute
from mapper.weights.checkpoint import add_state_decoder, load_checkpoint

logger = logging.getLogger(__name__)
# Parts of CUT3R that were made after the others had been drawn, and keep torch's own numbers.
KEPT_AS_MADE: Final = (
    *("patch_embed_ray_map", "enc_blocks_ray_map", "enc_norm_ray_map"),
    *("pose_retriever", "downstream_head"),
)
CPU: Final = torch.device("cpu")
LEAST_KNOWN: Final = 0.3  # of the tensors, for a checkpoint to be of this network at all


@dataclass(frozen=True, slots=True)
class Trained:
    """model: in training mode. objective: its loss of a batch. look: errors of depth and rotation,
    by name; None = nobody asks."""

    model: nn.Module
    objective: Objective
    look: Callable[[TrainingBatch], dict[str, float]] | None = None


def trained_network(
    recipe: Recipe, start: Path | None = None, device: torch.device = CPU
) -> Trained:
    """Drawn by the recipe's seed, then as far as `start`, a checkpoint, says.

    Raises ConfigError for a distillation without the teacher's weights, which are `start`, and
    InputError where they are those of another network.
    """
    torch.manual_seed(recipe.seed)
    model = built(recipe)
    draw(model)
    if isinstance(model, Cut3r) and recipe.matching:
        begin_matching(model, recipe.matching_block)
    if start is not None:
        take_over(model, start)
    model.to(device).train()
    if recipe.recompute:
        recompute(model)
    objective = objective_of(recipe, model, _teacher(recipe, start, device))
    return Trained(model, objective, lambda batch: seen_errors(objective.seen(batch), batch))


def built(recipe: Recipe) -> nn.Module:
    """The network, its numbers as torch makes them."""
    sizes = dict(recipe.network)
    if recipe.model == "cut3r":
        dpt = sizes.pop("dpt", None)
        return Cut3r(Cut3rConfig.of(sizes, dpt))
    if recipe.model == "wint3r":
        return Wint3r(Wint3rConfig.of(sizes))
    # A checkpoint of VGGT or StreamVGGT has a track head, whether or not it is trained.
    return Vggt(VggtConfig.of(sizes, track_head=recipe.model != "stream3r"))


def objective_of(recipe: Recipe, model: nn.Module, teacher: Vggt | None = None) -> Looking:
    """What the recipe asks of the model."""
    precision = MixedPrecision(recipe.precision == "bfloat16")
    if isinstance(model, Cut3r):
        by_kind = recipe.loss != "all_alike"
        criterion = Cut3rCriterion(by_kind, recipe.last_view_decides, recipe.alpha)
        kept = TaughtState(model, recipe.matching_block) if recipe.matching else None
        emphasis = Emphasis(recipe.cameras, matching=recipe.matching, taught=kept)
        return Cut3rObjective(model, criterion, recipe.long, precision, emphasis)
    if isinstance(model, Wint3r):
        return Wint3rObjective(model, precision)
    assert isinstance(model, Vggt)
    if recipe.loss == "points":
        return PointsObjective(model, "full" if recipe.model == "vggt" else "causal", precision)
    if recipe.model == "vggt":
        return VggtObjective(model, precision=precision)
    if recipe.model == "stream3r":
        taught = TaughtAttention(model, recipe.matching_block) if recipe.matching else None
        emphasis = Emphasis(recipe.cameras, recipe.loss != "cameras", recipe.matching, taught)
        return Stream3rObjective(model, recipe.limit_images, precision, emphasis)
    assert teacher is not None
    return DistillationObjective(model, teacher, precision)


def take_over(model: nn.Module, start: Path) -> None:
    """The tensors of a checkpoint that fit by name and shape; the others stay as drawn, and are
    told. CUT3R takes STream3R's encoder. Raises InputError where hardly any tensor fits."""
    tensors = add_state_decoder(load_checkpoint(start).tensors)
    encoder = cut3r_encoder(tensors) if isinstance(model, Cut3r) else {}
    own = model.state_dict()
    fitting = {
        name: tensor
        for name, tensor in (encoder or tensors).items()
        if name in own and own[name].shape == tensor.shape
    }
    if len(fitting) < (len(encoder) or LEAST_KNOWN * len(own)):
        raise InputError(
            f"{start}: {len(fitting)} of {len(own)} tensors fit the recipe's network; "
            "give a checkpoint of this model and these sizes"
        )
    model.load_state_dict(fitting, strict=False)
    drawn = sorted({".".join(name.split(".")[:2]) for name in own.keys() - fitting.keys()})
    if drawn:
        logger.warning("%s: starts as drawn, not in it: %s", start, ", ".join(drawn))


def _teacher(recipe: Recipe, start: Path | None, device: torch.device) -> Vggt | None:
    if recipe.model != "streamvggt" or recipe.loss != "published":
        return None
    if start is None:
        raise ConfigError("this recipe distils a teacher: give VGGT's weights by --start")
    return load_vggt(start, "vggt").to(device)


@torch.no_grad()
def draw(model: nn.Module) -> None:
    """Matrices by Glorot's rule, biases 0, tokens and position tables small; section 9 of the
    training specification."""
    spared = KEPT_AS_MADE if isinstance(model, Cut3r) else ()
    for name, layer in model.named_modules():
        if spared and name.startswith(spared):
            continue
        if isinstance(layer, nn.Linear):
            nn.init.xavier_uniform_(layer.weight)
            if layer.bias is not None:
                nn.init.zeros_(layer.bias)
        elif isinstance(layer, PatchEmbedding):
            nn.init.xavier_uniform_(layer.proj.weight.view(len(layer.proj.weight), -1))
    for name, parameter in model.named_parameters():
        if name.startswith("pose_retriever.") and name.endswith((".mem", "_token")):
            nn.init.normal_(parameter, std=0.2)
        elif name.endswith(("_token", "_tokens", "pos_embed")):
            nn.init.trunc_normal_(parameter, std=0.02)
