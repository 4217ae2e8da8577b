"""Runs what golden files of optimiser steps record: gradients, losses, learning rates, parameters.

AdamW makes a whole step of every rounding where a gradient vanishes. How far that alone carries
losses and parameters, the files say; `run_steps` is compared with that in mind.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import torch
from torch import Tensor, nn

from golden.cut3r_sequences import build as build_cut3r
from golden.recording import Golden, Slack
from golden.vggt_sequences import build as build_vggt
from mapper.train.batch import SampleKinds, TrainingBatch, points_of
from mapper.train.losses.cut3r import Cut3rCriterion
from mapper.train.objectives.cut3r import Cut3rObjective
from mapper.train.objectives.stream3r import Stream3rObjective
from mapper.train.parameters import Optimisation, freeze, optimiser
from mapper.train.schedules import EpochCosine, Schedule, StepCosine
from mapper.train.stepping import Clipping, OptimiserStep

STEP_INPUTS: Final = ("in.",)
CUT3R_ENCODER: Final = (
    *("patch_embed", "patch_embed_ray_map", "masked_img_token", "masked_ray_map_token"),
    *("enc_blocks", "enc_blocks_ray_map", "enc_norm", "enc_norm_ray_map"),
)
STATED: Final = "difference_after_weights_are_perturbed_by_1e_7_relative"
TIMES: Final = 10  # of what the file says that rounding does
SHARE: Final = 0.99  # of the elements of a parameter


def slack_of(golden: Golden) -> Mapping[str, Slack]:
    """What rounding may do to losses and parameters, from the file's own trial of it."""
    stated: Mapping[str, Any] = golden.sidecar.get(STATED) or {}
    losses = torch.tensor(stated.get("losses", 0.0), dtype=torch.float64)
    slack = {"out.losses": Slack(TIMES * losses)}
    for name in golden.tensors:
        _, _, parameter = name.removeprefix("param.").partition(".")
        if name.startswith("param.") and parameter in stated:
            most = torch.tensor(TIMES * stated[parameter]["p99"], dtype=torch.float64)
            slack[name] = Slack(most, SHARE)
    return slack


def run_stream3r_steps(golden: Golden) -> Iterator[tuple[str, Tensor]]:
    """Of STream3R: the whole network by one group, nothing clipped."""
    model = build_vggt(_weights(golden)).train()
    freeze(model, ["aggregator.patch_embed"])
    s = golden.sidecar["schedule"]
    limits = s["lr"], s["eta_min"], s["warmup_start_lr"]
    schedule = StepCosine(*limits, s["warmup_steps"], s["max_steps"])
    adam = optimiser(model, Optimisation("all"))
    step = OptimiserStep(model, Stream3rObjective(model), adam, Clipping(float("inf")))
    rates = [schedule.at(0, number) for number in range(len(golden.tensors["out.losses"]))]
    yield from _steps(golden, step, rates)


def run_cut3r_steps(golden: Golden) -> Iterator[tuple[str, Tensor]]:
    """Of CUT3R: whole sequences, or a long one with a step after each of its last chunks."""
    protocol, s = golden.protocol, golden.sidecar["schedule"]
    model = build_cut3r(_weights(golden)).requires_grad_(True).train()
    freeze(model, CUT3R_ENCODER if protocol["freeze"] == "encoder" else ())
    adam = optimiser(model, Optimisation("matrices"))
    by_kind = "BatchList" in golden.sidecar["criterion"]
    criterion = Cut3rCriterion(by_kind, last_view_decides=True)
    long = bool(protocol["long_context"])
    objective = Cut3rObjective(model, criterion, long)
    clipping = Clipping(golden.sidecar["optimizer"]["clip_grad_norm"])
    step = OptimiserStep(model, objective, adam, clipping, each_part=long)
    schedule = EpochCosine(s["lr"], s["min_lr"], s["warmup_epochs"], s["epochs"])
    yield from _steps(golden, step, _rates(golden, schedule))


def _rates(golden: Golden, schedule: Schedule) -> list[float]:
    s = golden.sidecar["schedule"]
    numbers = range(s["first_step"], s["first_step"] + len(golden.tensors["out.losses"]))
    return [schedule.at(number / s["steps_per_epoch"], 0) for number in numbers]


def _steps(golden: Golden, step: OptimiserStep, rates: list[float]) -> Iterator[tuple[str, Tensor]]:
    recorded, losses = golden.tensors, []
    batch = recorded_sequences(golden)
    parameters = dict(step.model.named_parameters())
    for number, rate in enumerate(rates):
        losses.append(step([batch], rate)["total"])
        if not step.each_part:
            yield from _named(f"grad.step{number}.", parameters, recorded, gradients=True)
        yield from _named(f"param.step{number}.", parameters, recorded, gradients=False)
    expected = recorded["out.losses"]
    yield "out.losses", torch.tensor(losses).reshape(expected.shape)
    yield "out.lr_f64", torch.tensor(rates, dtype=torch.float64)


def _named(
    beginning: str, parameters: Mapping[str, nn.Parameter], recorded: Mapping[str, Tensor],
    gradients: bool,
) -> Iterator[tuple[str, Tensor]]:  # fmt: skip
    for name in recorded:
        if name.startswith(beginning):
            parameter = parameters[name.removeprefix(beginning)]
            found = parameter.grad if gradients else parameter.detach()
            assert found is not None
            yield name, found.clone()


def _weights(golden: Golden) -> Golden:
    """The golden file of the network's weights, in its family's folder."""
    path = golden.path.parents[1].joinpath(*Path(golden.sidecar["weights"]).parts[1:])
    return replace(Golden.open(path), device=golden.device)


def recorded_sequences(golden: Golden) -> TrainingBatch:
    """The batch of every step."""
    t = golden.tensors
    depth, poses, K = t["in.depth"], t["in.camera_pose"], t["in.intrinsics"]
    none = torch.zeros(len(depth), dtype=torch.bool)
    points = points_of(depth, K, poses)
    valid = t.get("in.valid_mask", (depth > 0) & points.isfinite().all(-1))
    pixels = t["in.img_u8"].float() / 255
    everywhere = torch.ones(depth.shape[:2], dtype=torch.bool)
    return TrainingBatch(
        images=((pixels - 0.5) / 0.5).permute(0, 1, 4, 2, 3),
        depth=depth,
        T_world_camera=poses,
        intrinsics=K,
        points=points,
        valid=valid,
        sky=t.get("in.sky_mask", torch.zeros_like(valid)),
        shows_image=t.get("in.img_mask", everywhere),
        kinds=SampleKinds(t.get("in.is_metric", none), none, none, none),
        shows_rays=t.get("in.ray_mask"),
        resets=t.get("in.reset"),
    )
