"""Runs what golden files of optimiser steps record: gradients, losses, learning rates."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import torch
from torch import Tensor

from golden.recording import Golden
from golden.vggt_sequences import build
from mapper.train.batch import SampleKinds, TrainingBatch, points_of
from mapper.train.objectives.stream3r import stream3r_objective
from mapper.train.parameters import Optimisation, freeze, optimiser
from mapper.train.schedules import StepCosine


def run_stream3r_steps(golden: Golden) -> Iterator[tuple[str, Tensor]]:
    """The gradients of the first step, and the loss and learning rate of each.

    The parameters afterwards are left out: AdamW turns the sign of a vanishing gradient into a
    whole step, so they cannot be compared one by one.
    """
    weights = golden.path.parents[1].joinpath(*Path(golden.sidecar["weights"]).parts[1:])
    model = build(replace(Golden.open(weights), device=golden.device)).train()
    freeze(model, ["aggregator.patch_embed"])
    batch, s = _batch(golden), golden.sidecar["schedule"]
    limits = s["lr"], s["eta_min"], s["warmup_start_lr"]
    schedule = StepCosine(*limits, s["warmup_steps"], s["max_steps"])
    adam = optimiser(model, Optimisation("all"))
    losses, rates = [], []
    for step in range(len(golden.tensors["out.losses"])):
        rates.append(schedule.at(0, step))
        for group in adam.param_groups:
            group["lr"] = rates[-1]
        loss = stream3r_objective(model, batch).total
        loss.backward()
        for name, parameter in model.named_parameters():
            recorded = f"grad.step{step}.{name}"
            if recorded in golden.tensors and parameter.grad is not None:
                yield recorded, parameter.grad.clone()
        adam.step()
        adam.zero_grad(set_to_none=True)
        losses.append(loss.detach())
    yield "out.losses", torch.stack(losses)[:, None]
    yield "out.lr_f64", torch.tensor(rates, dtype=torch.float64)


def _batch(golden: Golden) -> TrainingBatch:
    t = golden.tensors
    depth, poses, K = t["in.depth"], t["in.camera_pose"], t["in.intrinsics"]
    none = torch.zeros(len(depth), dtype=torch.bool)
    pixels = t["in.img_u8"].float() / 255
    return TrainingBatch(
        images=((pixels - 0.5) / 0.5).permute(0, 1, 4, 2, 3),
        depth=depth,
        T_world_camera=poses,
        intrinsics=K,
        points=points_of(depth, K, poses),
        valid=t["in.valid_mask"],
        sky=torch.zeros_like(t["in.valid_mask"]),
        shows_image=torch.ones(depth.shape[:2], dtype=torch.bool),
        kinds=SampleKinds(none, none, none, none),
    )
