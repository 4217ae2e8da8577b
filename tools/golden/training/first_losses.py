"""Runs what VGGT's golden files record of training losses, under their first names."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

import torch
from torch import Tensor

from golden.recording import Golden, Slack
from golden.training.losses import DISTILLED
from mapper.train.batch import SampleKinds, TrainingBatch
from mapper.train.losses.stream3r import Stream3rOutput, stream3r_loss, stream3r_truth
from mapper.train.losses.streamvggt import DistilledOutput, distillation_loss

# The last two: a term that the published loss leaves out, recorded as 0.
LOSS_INPUTS: Final = (
    *("in.", "out.point.loss_temporal_matching", "out.depth.loss_temporal_matching"),
)
STREAM3R, DISTILLATION = "in.gt_c2w", "in.student.camera_pose"
# Share of the term of points that is noise: normals in the corners, where one of four products is
# that of a vector with itself, were left to rounding.
NOISE: Final = 1e-2
CAUSAL: Final = "out.CausalLoss.CausalLoss_"


def run_losses(golden: Golden) -> Iterator[tuple[str, Tensor]]:
    """Nothing of files that record no loss."""
    if STREAM3R in golden.tensors:
        yield from _stream3r(golden)
    if DISTILLATION in golden.tensors:
        yield from _distillation(golden)


def slack_of(golden: Golden) -> Mapping[str, Slack]:
    """Of the terms that hold noise."""
    slack: dict[str, Slack] = {}
    for mode in ("train", "eval"):
        points = golden.tensors.get(f"out.{mode}.Lpmap")
        if points is not None:
            allowed = Slack(NOISE * points.double())
            slack |= {f"out.{mode}.Lpmap": allowed, f"out.{mode}.total": allowed}
    return slack


def _stream3r(golden: Golden) -> Iterator[tuple[str, Tensor]]:
    t = golden.tensors
    depth, poses = t["in.gt_depth"], t["in.gt_c2w"]
    none = torch.zeros(len(depth), dtype=torch.bool)
    nowhere = torch.zeros_like(t["in.valid"])
    batch = TrainingBatch(
        images=depth.new_zeros(*depth.shape[:2], 3, *depth.shape[2:]),
        depth=depth,
        T_world_camera=poses,
        intrinsics=t["in.gt_K"],
        points=t["in.gt_pts_world"],
        valid=t["in.valid"],
        sky=nowhere,
        shows_image=torch.ones(depth.shape[:2], dtype=torch.bool),
        kinds=SampleKinds(none, none, none, none),
    )
    output = Stream3rOutput(
        points=t["in.pred_points"],
        points_confidence=t["in.pred_points_conf"],
        depth=t["in.pred_depth"],
        depth_confidence=t["in.pred_depth_conf"],
        cameras=t["in.pred_pose_enc_list"].unbind(0),
    )
    loss, truth = stream3r_loss(output, batch), stream3r_truth(output, batch)
    yield "out.gt_pts_in_first_camera", batch.points_in_first
    yield "out.total", loss.total
    yield "out.CausalLoss_total", loss.total
    sizes = zip(("point", "depth"), (truth.points_sizes, truth.depth_sizes), strict=True)
    for of, (true, predicted) in sizes:
        yield f"out.{of}.gt_pts3d_scale", true
        yield f"out.{of}.pred_pts3d_scale", predicted
        for term, part in TERMS.items():
            yield f"out.{of}.{term}", loss.parts[f"{of}.{part}"]
    for term, part in CAMERA_TERMS.items():
        yield f"out.camera.{term}", loss.parts[part]
        yield f"{CAUSAL}camera_loss_{term}/00", loss.parts[part]
    for name, of in (("depth_loss", "depth"), ("pts3d_loss_global", "point")):
        yield f"{CAUSAL}{name}_conf/00", loss.parts[f"{of}.confident"]
        yield f"{CAUSAL}{name}_grad/00", loss.parts[f"{of}.edges"]
    yield f"{CAUSAL}pts3d_loss/00", loss.total - loss.parts["camera"]


TERMS: Final = {
    "loss_conf": "confident",
    "loss_conf1": "confident.first",
    "loss_conf2": "confident.others",
    "loss_reg1": "distance.first",
    "loss_reg2": "distance.others",
    "loss_grad": "edges",
    "loss_grad1": "edges.first",
    "loss_grad2": "edges.others",
}
CAMERA_TERMS: Final = {
    "loss_camera": "camera",
    "loss_T": "camera.translation",
    "loss_R": "camera.rotation",
    "loss_fl": "camera.field",
}


def _distillation(golden: Golden) -> Iterator[tuple[str, Tensor]]:
    t = golden.tensors
    student, teacher = (
        DistilledOutput(**{ours: t[f"in.{of}.{theirs}"] for ours, theirs in DISTILLED.items()})
        for of in ("student", "teacher")
    )
    names = {"Lcamera": "camera", "Ldepth": "depth", "Lpmap": "points", "Ltrack": "tracks"}
    for mode in ("train", "eval"):
        loss = distillation_loss(student, teacher, t["in.teacher.valid_mask"], mode == "train")
        yield f"out.{mode}.total", loss.total
        for term, part in names.items():
            yield f"out.{mode}.{term}", loss.parts[part]
