"""StreamVGGT's distillation: a causal student says what a bidirectional teacher says.

Source: Zhuo et al., "Streaming 4D Visual Geometry Transformer", as published with its code;
section 5.1 of the training specification.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import torch
from torch import Tensor
from torch.nn.functional import binary_cross_entropy_with_logits, cosine_similarity, huber_loss

from mapper.train.losses.detail import NORMAL_STRIDES, normals
from mapper.train.losses.terms import Loss, mean_size

if TYPE_CHECKING:
    from jaxtyping import Bool, Float

DELTA: Final = 0.1  # of the Huber loss between cameras
CAMERA_WEIGHT, DEPTH_WEIGHT, POINTS_WEIGHT = 20.0, 20.0, 10.0
TRACK_WEIGHT: Final = 10 * 0.05
CONFIDENCE_REWARD: Final = 0.1
SMALLEST: Final = 1e-6


@dataclass(frozen=True, slots=True)
class DistilledOutput:
    """What teacher and student say of B sequences of V views and N query points.

    camera: the last encoding. visibility, track_confidence: within [0, 1].
    """

    camera: Float[Tensor, "b v 9"]
    depth: Float[Tensor, "b v h w 1"]
    depth_confidence: Float[Tensor, "b v h w"]
    points: Float[Tensor, "b v h w 3"]
    points_confidence: Float[Tensor, "b v h w"]
    track: Float[Tensor, "b v n 2"]
    visibility: Float[Tensor, "b v n"]
    track_confidence: Float[Tensor, "b v n"]


def distillation_loss(
    student: DistilledOutput,
    teacher: DistilledOutput,
    valid: Bool[Tensor, "b v h w"],
    own_units: bool = True,
) -> Loss:
    """Total = 20 cameras + 20 depth + 10 points + 0.5 tracks.

    valid: where the truth is known; of the truth nothing else is used. own_units: student and
    teacher are first divided by their own mean size, as in training; not so in evaluation.
    """
    count = valid.shape[1]
    depth = points = valid.new_zeros((), dtype=student.depth.dtype)
    for view in range(count):
        mask = valid[:, view] if bool(valid[:, view].any()) else torch.ones_like(valid[:, view])
        depth = depth + _map_term(
            (student.depth[:, view], teacher.depth[:, view]),
            student.depth_confidence[:, view], mask, own_units,
        ) / count  # fmt: skip
        points = points + _map_term(
            (student.points[:, view], teacher.points[:, view]),
            student.points_confidence[:, view], mask, own_units,
        ) / count  # fmt: skip
    parts = {
        "camera": CAMERA_WEIGHT * _camera_term(student.camera, teacher.camera),
        "depth": DEPTH_WEIGHT * depth,
        "points": POINTS_WEIGHT * points,
        "tracks": TRACK_WEIGHT * _track_term(student, teacher),
    }
    return Loss(torch.stack(list(parts.values())).sum(), parts)


def fitted(
    predicted: Float[Tensor, "b h w c"], true: Float[Tensor, "b h w c"]
) -> Float[Tensor, "b h w c"]:
    """Scaled by one number and shifted by one vector of all pixels, by least squares.

    As published: over the whole batch, whatever is valid, and with a gradient through the fit.
    """
    p, t = predicted.flatten(0, 2), true.flatten(0, 2)
    p_mean, t_mean = p.mean(0), t.mean(0)
    spread = (p - p_mean).square().sum().clamp(min=SMALLEST)
    scale = ((p - p_mean) * (t - t_mean)).sum() / spread
    return scale * predicted + (t_mean - scale * p_mean)


def _map_term(
    maps: tuple[Float[Tensor, "b h w c"], Float[Tensor, "b h w c"]],
    confidence: Float[Tensor, "b h w"],
    mask: Bool[Tensor, "b h w"],
    own_units: bool,
) -> Tensor:
    """Of one view. maps: of student and teacher."""
    if own_units:
        student, teacher = (
            values / mean_size(values[:, None], mask[:, None])[:, None, None, None]
            for values in maps
        )
    else:
        student, teacher = maps
    found = fitted(student, teacher)
    sure = confidence.clamp(min=SMALLEST)[mask]
    distance = (sure[:, None] * (found[mask] - teacher[mask]).abs()).mean()
    detail = _slopes if found.shape[-1] == 1 else _normals
    reward = CONFIDENCE_REWARD * sure.log().mean()
    return distance + detail(found, teacher, mask) - reward


def _slopes(found: Tensor, teacher: Tensor, mask: Tensor) -> Tensor:
    """Differences to the next pixel below and to the right, mean over all but the last ones."""
    error = (found - teacher)[..., 0]
    corner, below, right = (
        slice(None, -1),
        (slice(1, None), slice(None, -1)),
        (
            slice(None, -1),
            slice(1, None),
        ),
    )
    terms = []
    for rows, columns in (below, right):
        both = mask[:, rows, columns] & mask[:, corner, corner]
        change = (error[:, rows, columns] - error[:, corner, corner]).abs()
        terms.append((change * both).mean())
    return torch.stack(terms).mean()


def _normals(found: Tensor, teacher: Tensor, mask: Tensor) -> Tensor:
    """1 - mean cosine of normals. In an image's corners one of the four products is that of a
    vector with itself: exactly 0, where arithmetic may leave noise of no direction."""
    terms = []
    for stride in NORMAL_STRIDES:
        maps = [values[:, ::stride, ::stride] for values in (found, teacher)]
        mine, theirs = (_without_corners(normals(values, SMALLEST)) for values in maps)
        terms.append(1 - cosine_similarity(mine, theirs, dim=-1, eps=SMALLEST).mean())
    return torch.stack(terms).mean()


def _without_corners(directions: Float[Tensor, "4 n h w 3"]) -> Float[Tensor, "4 n h w 3"]:
    keep = directions.new_ones(directions.shape[:1] + directions.shape[2:4])
    # Both neighbours of up x left are beyond the border at the corner up left, and so on.
    for number, (row, column) in enumerate(((0, 0), (-1, 0), (-1, -1), (0, -1))):
        keep[number, row, column] = 0
    return directions * keep[:, None, ..., None]


def _camera_term(student: Tensor, teacher: Tensor) -> Tensor:
    translation, rotation, field = (
        huber_loss(student[..., part], teacher[..., part], delta=DELTA) / DELTA
        for part in (slice(0, 3), slice(3, 7), slice(7, 9))
    )
    return translation + rotation + 0.5 * field


def _track_term(student: DistilledOutput, teacher: DistilledOutput) -> Tensor:
    """As published, visibilities count as logits though they lie within [0, 1]."""
    sure = student.track_confidence
    off = (sure * (student.track - teacher.track).norm(dim=-1)).mean()
    seen = binary_cross_entropy_with_logits(
        student.visibility, teacher.visibility, reduction="none"
    )
    return off + (sure * seen).mean()
