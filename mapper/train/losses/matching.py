"""Where a patch of one view is seen in another, and what an attention costs that looks elsewhere.

Not of any publication: a small network learns from poses and depth alone what they cost it, not
which patches show the same, and stays for thousands of steps with cameras that do not turn. One
head of one attention across views, told the truth of depth and poses, finds it in hundreds.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import torch
from torch import Tensor

from mapper.train.losses.terms import mean_or_zero
from mapper.vision.rotations import inverse_rigid

if TYPE_CHECKING:
    from jaxtyping import Bool, Float, Int

    from mapper.train.batch import TrainingBatch

NEAREST: Final = 0.05  # metres before a camera, or what the truth's unit is
HIDDEN: Final = 0.08  # of the depth, by which a point lies elsewhere than what is seen there


def seen_again(
    batch: TrainingBatch, patch: int
) -> tuple[Int[Tensor, "b v v n"], Bool[Tensor, "b v v n"]]:
    """Of the centre of each patch n of view i, the patch of view j that shows it, and whether one
    does: it lies within the image and is not hidden. [:, i, j], patches row by row."""
    height, width = batch.depth.shape[-2:]
    columns = width // patch
    points = _centres(batch.points, patch)[:, :, None]  # (b, v, 1, n, 3)
    known = _centres(batch.valid[..., None], patch)[:, :, None, :, 0]
    T = inverse_rigid(batch.T_world_camera)[:, None]
    seen = points @ T[..., :3, :3].mT + T[..., None, :3, 3]
    K = batch.intrinsics[:, None, :, None]
    depth = seen[..., 2].clamp(min=NEAREST)
    x = (seen[..., 0] / depth * K[..., 0, 0] + K[..., 0, 2]).round().long()
    y = (seen[..., 1] / depth * K[..., 1, 1] + K[..., 1, 2]).round().long()
    within = (seen[..., 2] > NEAREST) & (x >= 0) & (x < width) & (y >= 0) & (y < height)
    x, y = x.clamp(0, width - 1), y.clamp(0, height - 1)
    maps = batch.depth[:, None].expand(-1, x.shape[1], -1, -1, -1).flatten(3)
    there = maps.gather(3, y * width + x)
    shown = (there > 0) & ((there - depth).abs() < HIDDEN * depth + NEAREST)
    return y // patch * columns + x // patch, known & within & shown


def _centres(maps: Tensor, patch: int) -> Tensor:
    """(B, V, H, W, C) to (B, V, n, C), a pixel for each patch."""
    return maps[:, :, patch // 2 :: patch, patch // 2 :: patch].flatten(2, 3)


def matching_term(
    query: Float[Tensor, "b v n d"],
    key: Float[Tensor, "b v n d"],
    again: tuple[Int[Tensor, "b v v n"], Bool[Tensor, "b v v n"]],
) -> tuple[Tensor, Tensor]:
    """Mean cross-entropy of where patches look in each view before theirs, and the share that look
    at the right patch most. query, key: of one head, rotated."""
    where, shown = again
    earlier = torch.ones(where.shape[1:3], dtype=torch.bool, device=where.device).tril(-1)
    counted = shown & earlier[None, :, :, None]
    logits = torch.einsum("bind,bjmd->bijnm", query, key)[counted] / query.shape[-1] ** 0.5
    true = where[counted]
    costs = -logits.log_softmax(-1).gather(1, true[:, None])[:, 0]
    right = (logits.detach().argmax(-1) == true).float()
    return mean_or_zero(costs), mean_or_zero(right)
