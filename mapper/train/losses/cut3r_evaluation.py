"""What CUT3R's checkpoints are chosen by: distances in metres, and after a scale of medians.

Section 2.10 of the training specification.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from mapper.train.losses.cut3r import map_distances, pose_term
from mapper.train.losses.cut3r_units import Compared, Cut3rOutput, in_common_units
from mapper.train.losses.terms import Loss, mean_or_zero

if TYPE_CHECKING:
    from jaxtyping import Bool, Float

    from mapper.train.batch import TrainingBatch

SCALES = 1e-3, 1e3


def cut3r_evaluation(output: Cut3rOutput, batch: TrainingBatch) -> Loss:
    """Total = sum of the maps' mean distances as they are, the same after scaling, and colours.

    Poses are told and do not count.
    """
    common = in_common_units(output, batch, metres=True)
    parts: dict[str, Tensor] = {"poses": pose_term(common, common.posed)}
    terms = []
    for name, compared in (("own", common.own), ("world", common.world)):
        if compared is None:
            continue
        scaled = _scaled(compared, batch.valid)
        for kind, maps in ((name, compared), (f"{name}.scaled", scaled)):
            off, mask = map_distances(maps, batch, by_kind=False, sky=False)
            for view in range(mask.shape[1]):
                term = mean_or_zero(off[:, view][mask[:, view]])
                parts[f"{kind}.distance.{view}"] = term
                terms.append(term)
    total = torch.stack(terms).sum()
    if output.colors is not None:
        errors = (output.colors - batch.images.permute(0, 1, 3, 4, 2)).norm(dim=-1)
        by_view = errors.mean((0, 2, 3))
        parts |= {f"colors.{view}": by_view[view] for view in range(len(by_view))}
        total = total + by_view.mean()
    return Loss(total, parts)


def _scaled(compared: Compared, valid: Bool[Tensor, "b v h w"]) -> Compared:
    """The prediction as large as the truth."""
    true, predicted = (median_size(points, valid) for points in (compared.true, compared.predicted))
    scale = (true / predicted.clamp(*SCALES))[:, None, None, None, None]
    return replace(compared, predicted=compared.predicted * scale)


@torch.no_grad()
def median_size(
    points: Float[Tensor, "b v h w 3"], valid: Bool[Tensor, "b v h w"]
) -> Float[Tensor, " b"]:
    """Median distance of a sequence's points from their median, lower medians."""
    known = torch.where(valid[..., None], points, torch.nan).flatten(1, 3)
    centre = known.nanmedian(1, keepdim=True).values
    return (known - centre).norm(dim=-1).nanmedian(1).values
