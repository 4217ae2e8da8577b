"""Runs what golden files of the published evaluations record: metrics and normalisations."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import astuple
from typing import Any, Final

import numpy as np
import torch
from torch import Tensor

from golden.recording import Golden
from mapper.core.geometry import inverse, pose_from_quaternion_xyzw, transform
from mapper.evaluate.averages import rounded_mean
from mapper.evaluate.metrics.depth import DepthErrors, depth_errors, valid_depth
from mapper.evaluate.metrics.pair import area_under_curve, from_pytorch3d, pair_errors_deg
from mapper.evaluate.metrics.reconstruction import Normalisation, nearest_errors
from mapper.evaluate.metrics.trajectory import pose_errors

Run = Callable[[Golden], Iterator[tuple[str, Tensor]]]

EVALUATION_INPUTS: Final = (
    "depth.gt",
    "depth.pred",
    "traj.gt_xyz_wxyz",
    "traj.pred_xyz_wxyz",
    "mv.gt_c2w",
    "mv.gt_pts_world",
    "mv.valid",
    "mv.pred_other",
    "mv.nrm_gt",
    "mv.nrm_pred",
)
VGGT_EVALUATION_INPUTS: Final = (
    "gt",
    "pred",
    "gt_pts",
    "valid",
    "c2w",
    "pred_pts",
    "acc_gt",
    "acc_rec",
    "acc_gt_normals",
    "acc_rec_normals",
    "gt_xyz_wxyz",
    "pred_xyz_wxyz",
    "pred_w2c",
    "gt_w2c",
    "pt3d_R",
    "pt3d_T",
)
RECORDED_ALIGNMENTS: Final = {"scaleshift_lad2": "scale_shift", "lstsq": "least_squares"}
TEXT_DECIMALS: Final = 6  # with which the published averages are written, and read again


def run_evaluation(golden: Golden) -> Iterator[tuple[str, Tensor]]:
    """CUT3R's metrics. The sidecar's scalars are compared as tensors, one value each."""
    recorded = dict(_flat("", golden.sidecar["scalars"]))
    golden.tensors.update({name: torch.tensor(value) for name, value in recorded.items()})
    ours = dict(_evaluation(golden.tensors, golden.sidecar["scalars"]))
    for name, value in ours.items():
        yield name, value.to(golden.tensors[name].dtype)


def _flat(prefix: str, values: Any) -> Iterator[tuple[str, float]]:
    """(path, number) of every number in nested mappings and lists."""
    if isinstance(values, Mapping):
        for name, value in values.items():
            yield from _flat(f"{prefix}.{name}" if prefix else name, value)
    elif isinstance(values, list):
        for number, value in enumerate(values):
            yield from _flat(f"{prefix}.{number}", value)
    else:
        yield prefix, values


def _evaluation(
    t: Mapping[str, Tensor], scalars: Mapping[str, Any]
) -> Iterator[tuple[str, Tensor]]:
    for case, values in scalars.items():
        if match := re.fullmatch(r"depth\.(\w+)\.max(\w+)\.postclip(\w+)", case):
            errors = _depth(t["depth.pred"], t["depth.gt"], *match.groups())
            for name, error in zip(values, astuple(errors), strict=True):
                yield f"{case}.{name}", torch.tensor(error)
    estimate, reference = _poses(t["traj.pred_xyz_wxyz"]), _poses(t["traj.gt_xyz_wxyz"])
    trajectory = _trajectory(estimate, reference)
    for name, value in zip(("ATE", "RPE_trans", "RPE_rot_deg"), trajectory, strict=True):
        yield f"traj.{name}", torch.tensor(value)
    for number, value in enumerate(trajectory):
        rounded = torch.tensor(rounded_mean([value], TEXT_DECIMALS))
        yield f"traj.averaged_value_parsed_from_text.{number}", rounded
    yield from _clouds(t)


def _depth(
    predicted: Tensor, true: Tensor, alignment: str, max_depth: str, clip: str
) -> DepthErrors:
    limit, most = (0.0 if text == "None" else float(text) for text in (max_depth, clip))
    name = RECORDED_ALIGNMENTS.get(alignment, alignment)
    valid = valid_depth(true.numpy(), limit)
    return depth_errors(predicted.numpy(), true.numpy(), valid, name, most)


def _poses(rows: Tensor) -> np.ndarray:
    """T_world_camera (N, 4, 4) of rows x y z qw qx qy qz."""
    values = rows.numpy()
    return pose_from_quaternion_xyzw(np.roll(values[:, 3:], -1, 1), values[:, :3])


def _trajectory(estimate: np.ndarray, reference: np.ndarray) -> tuple[float, float, float]:
    times = np.arange(len(estimate), dtype=float)
    errors = pose_errors(estimate, reference, times, with_scale=True)
    return errors.ate, errors.rpe_translation, errors.rpe_rotation_deg


def _clouds(t: Mapping[str, Tensor]) -> Iterator[tuple[str, Tensor]]:
    """The normalisation, and the nearest-point metrics on what it gave."""
    normal = _normalised(t["mv.gt_pts_world"], t["mv.gt_c2w"], t["mv.pred_other"], t["mv.valid"])
    numbers, true, predicted = normal
    yield "mv.gt_aligned", torch.from_numpy(true)
    yield "mv.pred_aligned", torch.from_numpy(predicted)
    for name, value in zip(
        ("gt_shift_z", "pred_shift_z", "gt_scale", "pred_scale"), astuple(numbers), strict=True
    ):
        yield f"mv.monitoring.{name}", torch.tensor(value)
    valid = t["mv.valid"].numpy()
    ours = (predicted[valid].astype(float), t["mv.nrm_pred"].numpy())
    theirs = (true[valid].astype(float), t["mv.nrm_gt"].numpy())
    for name, errors in (
        ("mv.accuracy(acc,acc_med,nc,nc_med)", nearest_errors(*ours, *theirs)),
        ("mv.completion(comp,comp_med,nc,nc_med)", nearest_errors(*theirs, *ours)),
    ):
        for number, value in enumerate(errors):
            yield f"{name}.{number}", torch.tensor(value)


def _normalised(
    true: Tensor, poses: Tensor, predicted: Tensor, valid: Tensor
) -> tuple[Normalisation, np.ndarray, np.ndarray]:
    """(numbers, true points, predicted points) in the first camera; views (V, H, W, 3)."""
    local = transform(inverse(poses[0].numpy()), true.numpy())
    numbers = Normalisation.of(local[valid.numpy()], predicted.numpy()[valid.numpy()])
    return numbers, numbers.centred(local), numbers.scaled(predicted.numpy())


def depth_functions(golden: Golden) -> Iterator[tuple[str, Tensor]]:
    """Vectors of depth errors, whose names say alignment and limits."""
    for name in golden.tensors:
        if match := re.fullmatch(r"(\w+?)_(nomax|max(\d+))(?:_clip(\d+))?", name):
            limits = match[3] or "None", match[4] or "None"
            errors = _depth(golden.tensors["pred"], golden.tensors["gt"], match[1], *limits)
            yield name, torch.tensor(astuple(errors), dtype=torch.float64)


def cloud_functions(golden: Golden) -> Iterator[tuple[str, Tensor]]:
    """STream3R's and StreamVGGT's normalisation and nearest-point metrics."""
    t = golden.tensors
    numbers, true, predicted = _normalised(
        t["gt_pts"][0], t["c2w"][0], t["pred_pts"][0], t["valid"][0]
    )
    yield "out_gt_pts", torch.from_numpy(true)[None]
    yield "out_pred_pts", torch.from_numpy(predicted)[None]
    for name in ("gt_shift_z", "pred_shift_z", "gt_scale", "pred_scale"):
        yield name, torch.tensor(getattr(numbers, name))
    ours = t["acc_rec"].numpy(), t["acc_rec_normals"].numpy()
    theirs = t["acc_gt"].numpy(), t["acc_gt_normals"].numpy()
    yield "accuracy", torch.tensor(nearest_errors(*ours, *theirs), dtype=torch.float64)
    yield "completion", torch.tensor(nearest_errors(*theirs, *ours), dtype=torch.float64)


def trajectory_functions(golden: Golden) -> Iterator[tuple[str, Tensor]]:
    """ATE and RPE after Sim(3) alignment."""
    t = golden.tensors
    errors = _trajectory(_poses(t["pred_xyz_wxyz"]), _poses(t["gt_xyz_wxyz"]))
    yield "ate_rpe_trans_rpe_rot", torch.tensor(errors, dtype=torch.float64)


def pair_functions(golden: Golden) -> Iterator[tuple[str, Tensor]]:
    """CO3D's pairwise errors and areas under the curve, and PyTorch3D's cameras."""
    t = golden.tensors
    rotation, translation = pair_errors_deg(t["pred_w2c"].numpy(), t["gt_w2c"].numpy())
    yield "rel_rot_deg", torch.from_numpy(rotation)
    yield "rel_trans_deg", torch.from_numpy(translation)
    for name in t:
        if match := re.fullmatch(r"auc(\d+)", name):
            area = area_under_curve(rotation, translation, int(match[1]))
            yield name, torch.tensor(area, dtype=torch.float64)
    yield "opencv_extri", torch.from_numpy(from_pytorch3d(t["pt3d_R"].numpy(), t["pt3d_T"].numpy()))


# What kind of recording it is, told by a tensor that it holds.
FUNCTIONS: Final[Mapping[str, Run]] = {
    "median_max70": depth_functions,
    "out_gt_pts": cloud_functions,
    "ate_rpe_trans_rpe_rot": trajectory_functions,
    "rel_rot_deg": pair_functions,
}


def run_vggt_evaluation(golden: Golden) -> Iterator[tuple[str, Tensor]]:
    """VGGT's files record one metric each; other files of their kind have nothing of this."""
    for marker, part in FUNCTIONS.items():
        if marker in golden.tensors:
            yield from part(golden)


def joined(*runs: Run) -> Run:
    """What one run repeats of a file, then what the next does."""

    def run(golden: Golden) -> Iterator[tuple[str, Tensor]]:
        for part in runs:
            yield from part(golden)

    return run
