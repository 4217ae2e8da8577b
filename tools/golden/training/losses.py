"""Runs what golden files of the training losses record: totals, their parts and gradients."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Final

import torch
from torch import Tensor

from golden.recording import Golden
from mapper.train.batch import SampleKinds, TrainingBatch, moved
from mapper.train.losses.cut3r import Cut3rCriterion, cut3r_loss
from mapper.train.losses.cut3r_evaluation import cut3r_evaluation
from mapper.train.losses.cut3r_units import CommonUnits, Cut3rOutput, in_common_units
from mapper.train.losses.stream3r import Stream3rOutput, stream3r_loss, stream3r_truth
from mapper.train.losses.streamvggt import DistilledOutput, distillation_loss
from mapper.train.losses.terms import Loss
from mapper.train.losses.vggt import VggtOutput, vggt_loss, vggt_truth
from mapper.train.losses.wint3r import Wint3rOutput, relative_poses, wint3r_loss, wint3r_units
from mapper.vision.rotations import quaternion_of_rotation

LOSS_INPUTS: Final = ("in.",)
# StreamVGGT's fine-tuning: what its pose loss weighs, and where it is cut off.
FINE_TUNE_POSE_WEIGHT, FINE_TUNE_POSE_LIMIT = 5.0, 0.3
DISTILLED: Final = {
    "camera": "camera_pose",
    "depth": "depth",
    "depth_confidence": "depth_conf",
    "points": "pts3d_in_other_view",
    "points_confidence": "conf",
    "track": "track",
    "visibility": "vis",
    "track_confidence": "track_conf",
}
Results = Iterator[tuple[str, Tensor]]


def run_loss(golden: Golden) -> Results:
    """The loss that the file is of."""
    criterion = golden.protocol["criterion"]
    if golden.kind[0] == "cut3r":
        criterion = "cut3r_evaluation" if "gt_scale=True" in criterion else "cut3r"
    run = LOSSES[criterion]
    for name, ours in run(golden):
        if name in golden.tensors:  # packed files hold less
            yield name, ours


def recorded_batch(t: Mapping[str, Tensor]) -> TrainingBatch:
    """The truth of a loss file; flags that it lacks are False, images that it lacks black."""
    depth, poses = t["in.depth"], t["in.camera_pose"]
    none = torch.zeros_like(t["in.valid_mask"])
    flags = [
        t.get(f"in.{name}", torch.zeros(len(poses), dtype=torch.bool))
        for name in ("is_metric", "camera_only", "depth_only", "single_view")
    ]
    pixels = t.get("in.img_u8", torch.zeros(*depth.shape, 3, dtype=torch.uint8))
    points = t["in.pts3d"] if "in.pts3d" in t else moved(poses, t["in.pts3d_local"])
    return TrainingBatch(
        images=((pixels.float() / 255 - 0.5) / 0.5).permute(0, 1, 4, 2, 3),
        depth=depth,
        T_world_camera=poses,
        intrinsics=t["in.intrinsics"],
        points=points,
        valid=t["in.valid_mask"],
        sky=t.get("in.sky_mask", none),
        shows_image=t.get("in.img_mask", torch.ones(poses.shape[:2], dtype=torch.bool)),
        kinds=SampleKinds(*flags),
    )


def _leaves(golden: Golden, beginning: str = "in.pred.") -> dict[str, Tensor]:
    found = {k: v for k, v in golden.tensors.items() if k.startswith(beginning)}
    return {k.removeprefix(beginning): v.clone().requires_grad_() for k, v in found.items()}


def _graded(golden: Golden, total: Tensor, leaves: Mapping[str, Tensor]) -> Results:
    total.backward()
    yield "out.total", total
    for name, leaf in leaves.items():
        if f"grad.{name}" in golden.tensors and leaf.grad is not None:
            yield f"grad.{name}", leaf.grad


def _stream3r(golden: Golden) -> Results:
    p, batch = _leaves(golden), recorded_batch(golden.tensors)
    maps = p["world_points"], p["world_points_conf"], p["depth"], p["depth_conf"]
    output = Stream3rOutput(*maps, p["pose_enc_list"].unbind(0))
    loss, truth = stream3r_loss(output, batch), stream3r_truth(output, batch)
    yield from _graded(golden, loss.total, p)
    yield "norm.gt_points", truth.points
    yield "norm.gt_depth", truth.depth[..., 0]
    yield "norm.gt_pose_encoding", truth.cameras
    sizes = zip(("points", "depth"), (truth.points_sizes, truth.depth_sizes), strict=True)
    for name, (true, predicted) in sizes:
        yield f"norm.{name}_scale_gt", true
        yield f"norm.{name}_scale_pred", predicted
    names = {"loss_conf": "confident", "loss_reg1": "distance.first", "loss_grad": "edges"}
    names |= {"loss_reg2": "distance.others", "loss_conf1": "confident.first"}
    names |= {"loss_conf2": "confident.others", "loss_grad1": "edges.first"}
    names |= {"loss_grad2": "edges.others"}
    for term, part in names.items():
        for of in ("point", "depth"):
            yield f"terms.{of}.{term}", loss.parts[f"{of}.{part}"]
    cameras = {"camera": "camera", "T": "camera.translation", "R": "camera.rotation"}
    for term, part in (cameras | {"fl": "camera.field"}).items():
        yield f"terms.camera.loss_{term}", loss.parts[part]


def _vggt(golden: Golden) -> Results:
    p, batch = _leaves(golden), recorded_batch(golden.tensors)
    points = p.get("world_points"), p.get("world_points_conf")
    output = VggtOutput(p["pose_enc_list"].unbind(0), p["depth"], p["depth_conf"], *points)
    loss, truth = vggt_loss(output, batch), vggt_truth(batch)
    yield from _graded(golden, loss.total, p)
    yield "norm.extrinsics", truth.T_camera_world[..., :3, :]
    yield "norm.world_points", truth.points
    yield "norm.depth", truth.depth
    yield "norm.pose_encoding", truth.cameras
    names = {"loss_camera": "camera", "loss_T": "camera.translation"}
    names |= {"loss_R": "camera.rotation", "loss_FL": "camera.field"}
    for of in ("depth", "point"):
        terms = {"conf": "confident", "reg": "distance", "grad": "edges"}
        names |= {f"loss_{term}_{of}": f"{of}.{part}" for term, part in terms.items()}
    for term, part in names.items():
        if part in loss.parts:
            yield f"terms.{term}", loss.parts[part]
    yield "terms.objective", loss.total


def _cut3r_output(p: Mapping[str, Tensor]) -> Cut3rOutput:
    own = p.get("pts3d_in_self_view"), p.get("conf_self"), p.get("rgb")
    return Cut3rOutput(p["pts3d_in_other_view"], p["conf"], p["camera_pose"], *own)


def _cut3r(golden: Golden) -> Results:
    p, batch = _leaves(golden), recorded_batch(golden.tensors)
    output, first = _cut3r_output(p), golden.tensors.get("in.camera1")
    by_kind = "BatchList" in golden.sidecar["criterion"]
    loss = cut3r_loss(output, batch, Cut3rCriterion(by_kind, last_view_decides=True), first)
    yield from _graded(golden, loss.total, p)
    yield "out.pose_loss", loss.parts["poses"]
    yield "terms.pose_loss", loss.parts["poses"]
    common = in_common_units(output, batch, first)
    yield from _common_units(golden, common, batch.valid)
    yield "norm.factor_gt", common.units[0]
    yield "norm.factor_pred_nonmetric", common.units[1][~batch.kinds.metric]
    yield from _cut3r_terms(golden, loss)


def _common_units(golden: Golden, common: CommonUnits, valid: Tensor) -> Results:
    """Where nothing is known, rays are rounding over the smallest depth: those are let be."""
    yield "norm.gt_cross", common.world.true
    yield "norm.pred_cross_last_view", common.world.predicted[:, -1]
    if common.own is not None and "norm.gt_self" in golden.tensors:
        recorded = golden.tensors["norm.gt_self"]
        yield "norm.gt_self", torch.where(valid[..., None], common.own.true, recorded)
        yield "norm.pred_self_first_view", common.own.predicted[:, 0]
    for name, cameras in (("gt", common.true_cameras), ("pred", common.cameras)):
        yield f"norm.{name}_trans", cameras[..., :3]
        yield f"norm.{name}_quat", cameras[..., 3:]
    yield "norm.pose_mask", common.posed


def _cut3r_terms(golden: Golden, loss: Loss) -> Results:
    for name in golden.tensors:
        kind, _, view = name.removeprefix("terms.").rpartition("/")
        if not name.startswith("terms.") or not view.isdigit():
            continue
        scaled = ".scaled" if "ScaleInv" in kind else ""
        of = "own" if "self" in kind else "world"
        what = "confident" if "_conf_loss" in kind else f"{scaled[1:]}.distance".lstrip(".")
        part = "colors" if kind.startswith("RGB") else f"{of}.{what}"
        yield name, loss.parts[f"{part}.{int(view) - 1}"]


def _cut3r_evaluation(golden: Golden) -> Results:
    p, batch = _leaves(golden), recorded_batch(golden.tensors)
    loss = cut3r_evaluation(_cut3r_output(p), batch)
    yield from _graded(golden, loss.total, p)
    common = in_common_units(_cut3r_output(p), batch, metres=True)
    yield from _common_units(golden, common, batch.valid)
    yield "out.pose_loss", loss.parts["poses"]
    yield "terms.pose_loss", loss.parts["poses"]
    yield from _cut3r_terms(golden, loss)


def _fine_tuning(golden: Golden) -> Results:
    """Of VGGT's points by CUT3R's loss, its poses compared as published: wrongly."""
    p, batch = _leaves(golden), recorded_batch(golden.tensors)
    loss = cut3r_loss(_cut3r_output(p), batch, Cut3rCriterion(by_kind=False))
    poses = loss.parts["poses"]
    limited = FINE_TUNE_POSE_WEIGHT * poses.clamp(max=FINE_TUNE_POSE_LIMIT)
    yield from _graded(golden, loss.total - poses + limited, p)
    yield "terms.pose_loss", poses
    yield from _cut3r_terms(golden, loss)


def _distillation(golden: Golden) -> Results:
    student = _leaves(golden, "in.student.")
    teacher = {name: golden.tensors[f"in.teacher.{name}"] for name in student}
    said, taught = (
        DistilledOutput(**{ours: of[theirs] for ours, theirs in DISTILLED.items()})
        for of in (student, teacher)
    )
    own_units = golden.protocol["mode"] == "train"
    loss = distillation_loss(said, taught, golden.tensors["in.valid_mask"], own_units)
    yield from _graded(golden, loss.total, student)
    yield "terms.total", loss.total
    names = {"Lcamera": "camera", "Ldepth": "depth", "Lpmap": "points", "Ltrack": "tracks"}
    for term, part in names.items():
        yield f"terms.{term}", loss.parts[part]


def _wint3r(golden: Golden) -> Results:
    p, batch = _leaves(golden), recorded_batch(golden.tensors)
    output = Wint3rOutput(p["pts_local"], p["conf"], p["camera_pos_enc"])
    loss = wint3r_loss(output, batch)
    yield from _graded(golden, loss.total, p)
    units = wint3r_units(output, batch.points_in_own, batch.valid)
    yield "norm.factor_gt", units.true
    yield "norm.factor_pred", units.predicted
    yield "norm.gt_local", batch.points_in_own / units.true[:, None, None, None, None]
    rotation = quaternion_of_rotation(batch.T_world_camera[..., :3, :3])
    translation = batch.T_world_camera[..., :3, 3] / units.true[:, None, None]
    yield "norm.gt_pairs", relative_poses(torch.cat([translation, rotation], -1))
    yield "terms.pose_loss", loss.parts["poses"]
    yield "terms.point_distance", loss.parts["distance"]
    yield "terms.conf_loss", loss.parts["points"]


LOSSES: Final[Mapping[str, Callable[[Golden], Results]]] = {
    "cut3r": _cut3r,
    "cut3r_evaluation": _cut3r_evaluation,
    "stream3r_causal": _stream3r,
    "vggt_multitask": _vggt,
    "streamvggt_distillation": _distillation,
    "streamvggt_finetune": _fine_tuning,
    "wint3r": _wint3r,
}
