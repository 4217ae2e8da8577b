"""CUT3R's loss: points of each view in its own and in the first camera's frame, poses, colours.

Source: Wang et al., "Continuous 3D Perception Model with Persistent State", CVPR 2025, as published
with its code; section 2 of the training specification.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import torch
from torch import Tensor

from mapper.train.losses.cut3r_units import CommonUnits, Compared, Cut3rOutput, in_common_units
from mapper.train.losses.terms import ALPHA, Loss, mean_or_zero, weighted_by_confidence

if TYPE_CHECKING:
    from jaxtyping import Bool, Float

    from mapper.train.batch import SampleKinds, TrainingBatch

SKY_DISTANCE: Final = 2.0
SMALLEST: Final = 1e-6


@dataclass(frozen=True, slots=True)
class Cut3rCriterion:
    """by_kind: sequences known up to scale or by their cameras alone are judged as such, stages 2
    and 3; stages 1 and 4 judge all alike.

    last_view_decides: as published, a sequence whose last view is given by its rays alone has no
    pose loss; else no view's image decides about it.

    alpha: what the logarithm of a confidence weighs. A pixel whose error is above it, in units of
    the mean distance, is told to be as unsure as can be.
    """

    by_kind: bool = True
    last_view_decides: bool = False
    alpha: float = ALPHA


def cut3r_loss(
    output: Cut3rOutput,
    batch: TrainingBatch,
    criterion: Cut3rCriterion = Cut3rCriterion(),  # frozen
    T_world_first: Float[Tensor, "b 4 4"] | None = None,
) -> Loss:
    """Total = 2 x mean of the maps' terms + poses + colours.

    T_world_first: the first camera of the sequence, of which the batch is a later part.
    """
    common = in_common_units(output, batch, T_world_first)
    parts: dict[str, Tensor] = {}
    terms = []
    for name, compared in (("own", common.own), ("world", common.world)):
        if compared is None:
            continue
        off, mask = map_distances(compared, batch, criterion.by_kind)
        if name == "world":
            mask = mask & ~batch.kinds.camera_only[:, None, None, None]
        for view in range(mask.shape[1]):
            seen = mask[:, view]
            sure = compared.confidence[:, view][seen]
            term, distance = _confident(off[:, view][seen], sure, criterion.alpha)
            terms.append(term)
            parts[f"{name}.distance.{view}"] = distance
            parts[f"{name}.confident.{view}"] = term
    posed = common.posed
    if criterion.by_kind and criterion.last_view_decides:
        posed = posed & batch.shows_image[:, -1].to(posed.device)
    parts["poses"] = pose_term(common, posed)
    total = 2 * torch.stack(terms).mean() + parts["poses"]
    if output.colors is not None:
        errors = (output.colors - batch.images.permute(0, 1, 3, 4, 2)).square()
        by_view = errors.mean((0, 2, 3, 4))
        parts |= {f"colors.{view}": by_view[view] for view in range(len(by_view))}
        total = total + by_view.mean()
    return Loss(total, parts)


def pose_term(common: CommonUnits, posed: Bool[Tensor, " b"]) -> Tensor:
    """Mean distance of translations and of quaternions, which both networks give with w >= 0."""
    off = (common.cameras - common.true_cameras)[posed]
    return mean_or_zero(off[..., :3].norm(dim=-1)) + mean_or_zero(off[..., 3:].norm(dim=-1))


def map_distances(
    compared: Compared, batch: TrainingBatch, by_kind: bool, sky: bool = True
) -> tuple[Float[Tensor, "b v h w"], Bool[Tensor, "b v h w"]]:
    """Distance of each point from the truth, and which of them count.

    sky: it counts as SKY_DISTANCE off, so that the network learns to be unsure of it.
    """
    in_sky = batch.sky & ~batch.valid if sky else torch.zeros_like(batch.valid)
    mask = batch.valid | in_sky
    true, predicted = (torch.where(mask[..., None], values, 0) for values in
                       (compared.true, compared.predicted))  # fmt: skip
    if by_kind:
        pairs = [
            _brought_together(true[row], predicted[row], mask[row], batch.kinds, row)
            for row in range(len(mask))
        ]
        off = torch.stack([(found - aim).norm(dim=-1) for aim, found in pairs])
    else:
        off = (predicted - true).norm(dim=-1)
    return torch.where(in_sky, SKY_DISTANCE, off), mask


def _brought_together(
    true: Float[Tensor, "v h w 3"],
    predicted: Float[Tensor, "v h w 3"],
    mask: Bool[Tensor, "v h w"],
    kinds: SampleKinds,
    row: int,
) -> tuple[Tensor, Tensor]:
    """Both in units of each view where a sequence is known no better."""
    if bool(kinds.depth_only[row]):
        return _without_scale_and_shift(true, mask), _without_scale_and_shift(predicted, mask)
    if bool(kinds.single_view[row]) and not bool(kinds.metric[row]):
        return _without_scale(true, mask), _without_scale(predicted, mask)
    return true, predicted


def _without_scale(points: Float[Tensor, "v h w 3"], mask: Bool[Tensor, "v h w"]) -> Tensor:
    count = mask.sum((1, 2)).clamp(min=SMALLEST)
    size = (points.norm(dim=-1) * mask).sum((1, 2)) / count
    return points / size.clamp(min=SMALLEST)[:, None, None, None]


def _without_scale_and_shift(points: Tensor, mask: Bool[Tensor, "v h w"]) -> Tensor:
    """Depths alone, (V, H, W, 1)."""
    count = mask.sum((1, 2)).clamp(min=1)
    depth = points[..., 2]
    mean = (depth * mask).sum((1, 2)) / count
    centred = depth - mean[:, None, None]
    spread = (centred.abs() * mask).sum((1, 2)) / count
    return (centred / spread.clamp(min=SMALLEST)[:, None, None])[..., None]


def _confident(off: Tensor, confidence: Tensor, alpha: float) -> tuple[Tensor, Tensor]:
    """Its term, and the mean distance for logs: of no pixel NaN."""
    return mean_or_zero(weighted_by_confidence(off, confidence, alpha)), off.detach().mean()
