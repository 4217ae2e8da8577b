"""Every objective trains what it should, in both precisions and whether or not it recomputes."""

from __future__ import annotations

from contextlib import nullcontext
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from mapper.errors import ConfigError
from mapper.frontends.vggt.network import Vggt
from mapper.train.batch import TrainingBatch
from mapper.train.data.batches import Batches, Source
from mapper.train.looking import seen_errors
from mapper.train.networks import Trained, built, draw, objective_of, trained_network
from mapper.train.objectives.objective import Seen
from mapper.train.objectives.streamvggt import (
    QUERIES,
    DistillationObjective,
    drawn_queries,
)
from mapper.train.objectives.wint3r import window_frames
from mapper.train.recipe import DataRecipe, Recipe
from mapper.train.recomputing import recompute
from mapper.train.stepping import Told
from tests.support.networks.trained import CUT3R, SIDE, SMALL_PATCHES, VGGT, WINT3R, Wall
from tests.support.pretended_gpu.torch_cuda import pretended_gpu

RECIPES: dict[str, dict[str, Any]] = {
    "cut3r": {"model": "cut3r", "network": CUT3R},
    "cut3r_alike_long": {"model": "cut3r", "network": CUT3R, "loss": "all_alike", "long": True},
    "cut3r_taught": {
        **{"model": "cut3r", "network": SMALL_PATCHES},
        **{"cameras": 10.0, "matching": 1.0, "matching_block": 1},
    },
    "stream3r": {"model": "stream3r", "network": VGGT},
    "stream3r_cameras": {
        **{"model": "stream3r", "network": VGGT, "loss": "cameras"},
        **{"cameras": 10.0, "matching": 1.0, "matching_block": 0},
    },
    "streamvggt": {"model": "streamvggt", "network": VGGT},
    "streamvggt_points": {"model": "streamvggt", "network": VGGT, "loss": "points"},
    "vggt": {"model": "vggt", "network": VGGT},
    "vggt_points": {"model": "vggt", "network": VGGT, "loss": "points"},
    "wint3r": {"model": "wint3r", "network": WINT3R},
}
ASKING = ("norm2", "cross_attn.projq", "cross_attn.projk")
# What the coarsest level of a dense head skips, rays that no view shows, what asks an attention to
# one token, and in long sequences all that comes before the chunks that are trained.
OF_CUT3R = (
    *(f"downstream_head.dpt_{kind}.scratch.refinenet4" for kind in ("self", "cross", "rgb")),
    *("masked_img_token", "masked_ray_map_token", "patch_embed_ray_map", "enc_blocks_ray_map"),
    "enc_norm_ray_map",
    *(f"pose_retriever.write_blocks.{k}.{part}" for k in (0, 1) for part in ASKING),
)
BEFORE = ("patch_embed", "enc_", "register_tokens", "decoder_embed_state", "pose_retriever.mem")
# The last refinement alone is compared, through which no gradient goes to the first.
START = "camera_head.empty_pose_tokens"
UNUSED = {
    "cut3r": OF_CUT3R,
    "cut3r_alike_long": (*OF_CUT3R, *BEFORE),
    "cut3r_taught": OF_CUT3R,
    "stream3r_cameras": ("depth_head", "point_head"),
    "streamvggt": (START,),
    "streamvggt_points": (START, "depth_head", "track_head"),
    "vggt": ("point_head", "track_head"),
    "vggt_points": (START, "depth_head", "track_head"),
}
DATA: dict[str, Any] = {
    "width": SIDE,
    "height": SIDE,
    "views": 3,
    "sequences": 2,
    "longest_interval": 2,
}


def recipe(name: str, **changes: Any) -> Recipe:
    return Recipe(**RECIPES[name], data=DataRecipe(**DATA), **changes)


def batch(of: Recipe) -> TrainingBatch:
    return Batches([Source([Wall()])], of.data, 0)[0]


def trained(of: Recipe) -> Trained:
    """With a teacher of other weights where one is needed."""
    if of.model != "streamvggt" or of.loss != "published":
        return trained_network(of)
    torch.manual_seed(5)
    teacher = built(of)
    assert isinstance(teacher, Vggt)
    draw(teacher)
    model = trained_network(replace(of, loss="points")).model
    torch.manual_seed(of.seed)
    student = built(of).train()
    student.load_state_dict(model.state_dict(), strict=False)
    return Trained(student, objective_of(of, student, teacher.eval()))


def gradients(one: Trained, of: Recipe) -> tuple[float, dict[str, torch.Tensor]]:
    torch.manual_seed(7)  # of the query points
    total = 0.0
    for loss in one.objective(batch(of)):
        if loss.total.requires_grad:
            (loss.share * loss.total).backward()
        total += loss.share * float(loss.total.detach())
    named = one.model.named_parameters()
    return total, {name: p.grad for name, p in named if p.grad is not None}


@pytest.mark.parametrize("name", RECIPES)
def test_every_part_of_a_network_is_trained(name: str) -> None:
    of = recipe(name)
    one = trained(of)
    total, found = gradients(one, of)
    assert np.isfinite(total) and found
    untrained = names_of(one.model) - set(found)
    assert [part for part in untrained if not part.startswith(UNUSED.get(name, "-"))] == []


def names_of(model: nn.Module) -> set[str]:
    return {name for name, parameter in model.named_parameters() if parameter.requires_grad}


@pytest.mark.parametrize("name", RECIPES)
def test_computing_again_changes_no_gradient(name: str) -> None:
    plain, again = recipe(name), recipe(name, recompute=True)
    total, found = gradients(trained(plain), plain)
    other = trained(plain)
    recompute(other.model)
    same, recomputed = gradients(other, again)
    assert same == pytest.approx(total, rel=1e-6) and found.keys() == recomputed.keys()
    for key, gradient in found.items():
        assert torch.allclose(gradient, recomputed[key], rtol=1e-4, atol=1e-7), key


@pytest.mark.parametrize("name", RECIPES)
def test_products_in_bfloat16_leave_weights_and_gradients_float32(name: str) -> None:
    full, half = recipe(name), recipe(name, precision="bfloat16")
    total, _ = gradients(trained(full), full)
    rough, found = gradients(trained(half), half)
    assert rough != total and rough == pytest.approx(total, rel=0.2)
    assert {gradient.dtype for gradient in found.values()} == {torch.float32}


@pytest.mark.parametrize("name", ["cut3r", "stream3r", "streamvggt", "vggt_points", "wint3r"])
def test_a_gpu_is_asked_for_nothing_that_lies_elsewhere(name: str) -> None:
    """On a pretended one, which has no gradients: the loss is that of the CPU."""
    of = recipe(name)
    if name == "cut3r":
        of = replace(of, last_view_decides=True)
    totals = []
    for device in ("cpu", "cuda"):
        with pretended_gpu() if device == "cuda" else nullcontext():
            one, there = trained(of), torch.device(device)
            one.model.to(there)
            if isinstance(one.objective, DistillationObjective):
                one.objective.teacher.to(there)
            torch.manual_seed(7)
            (loss,) = one.objective(with_rays(batch(of)).to(there))
            told = Told()
            told.add(loss, 1.0)
            totals.append(told.numbers()["total"])
    assert totals[0] == pytest.approx(totals[1], rel=1e-5)


def with_rays(full: TrainingBatch) -> TrainingBatch:
    """One view without its image; the other networks see all of them."""
    shows = torch.ones(full.depth.shape[:2], dtype=torch.bool)
    shows[0, 1] = False
    return replace(full, shows_image=shows, shows_rays=~shows)


def test_a_distillation_without_a_teacher_is_refused() -> None:
    with pytest.raises(ConfigError, match="--start"):
        trained_network(recipe("streamvggt"))


def test_query_points_lie_where_the_truth_is_known() -> None:
    valid = torch.zeros(2, 20, 30, dtype=torch.bool)
    valid[0, 5:15, 7:20] = True
    valid[1, 0, :3] = True  # too few
    queries = drawn_queries(valid)
    assert queries.shape == (2, QUERIES, 2) and bool((queries[1] == 0).all())
    x, y = queries[0].long().unbind(-1)
    assert bool(valid[0, y, x].all()) and len(set(zip(x.tolist(), y.tolist(), strict=True))) > 30


def test_windows_overlap_by_half_and_hold_every_frame() -> None:
    assert window_frames(12, 4) == [[i, i + 1, i + 2, i + 3] for i in range(0, 10, 2)]
    assert window_frames(5, 4) == [[0, 1, 2, 3], [2, 3, 4, 4]]
    assert window_frames(3, 4) == [[0, 1, 2, 2]]


@pytest.mark.parametrize("name", RECIPES)
def test_what_a_network_sees_is_told_in_frames_of_the_first_camera(name: str) -> None:
    of = recipe(name)
    one, full = trained(of), batch(of)
    objective = one.objective
    with torch.no_grad():
        seen = objective.seen(full)  # type: ignore[attr-defined]
    assert seen.depth.shape == full.depth.shape
    assert seen.T_first_camera.shape == full.T_world_camera.shape
    R = seen.T_first_camera[..., :3, :3]
    assert torch.allclose(R @ R.mT, torch.eye(3).expand_as(R), atol=1e-4)
    errors = seen_errors(seen, full)
    assert set(errors) == {"depth", "flat", "rotation", "still"} and all(
        np.isfinite(list(errors.values()))
    )


def test_the_truth_has_no_errors_and_what_stands_for_nothing_has_those_of_the_scene() -> None:
    of = recipe("vggt")
    full = batch(of)
    turned = full.T_world_camera.clone()
    angle = torch.tensor(0.2)
    turned[:, 1, :2, :2] = torch.tensor([[angle.cos(), -angle.sin()], [angle.sin(), angle.cos()]])
    full = replace(full, T_world_camera=turned)
    perfect = seen_errors(Seen(3 * full.depth, full.T_first_camera), full)
    assert perfect["depth"] < 1e-5 and perfect["rotation"] < 1e-3
    assert perfect["still"] == pytest.approx(np.degrees(0.2), rel=1e-4)  # to and fro, of two steps
    middle = full.depth[0].median()
    flat = float(((middle - full.depth[0]).abs() / full.depth[0]).mean())
    assert perfect["flat"] == pytest.approx(flat, rel=1e-3)
