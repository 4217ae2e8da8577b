"""Where a patch of one view is seen in another, and what an attention costs that looks elsewhere.

Not of any publication: a small network learns from poses and depth alone what they cost it, not
which patches show the same, and stays for thousands of steps with cameras that do not turn. One
head of one attention across views, told the truth of depth and poses, finds it in hundreds. It is
told how the place lies between patches, too: what a moving camera shifts against a turning one is a
small share of a patch.
"""

from __future__ import annotations

from dataclasses import dataclass
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


@dataclass(frozen=True, slots=True)
class Again:
    """Of the centre of each patch n of view i, where view j shows it; [:, i, j], patches row by
    row.

    patches, shares: the four patches around it and what each is of the place, by distance (1 in
    all); a patch may be there twice. shown: it lies within the image and is not hidden.
    """

    patches: Int[Tensor, "*b n 4"]
    shares: Float[Tensor, "*b n 4"]
    shown: Bool[Tensor, "*b n"]

    @property
    def nearest(self) -> Int[Tensor, "*b n"]:
        """The patch whose centre is the nearest."""
        best = self.shares.argmax(-1, keepdim=True)
        return self.patches.gather(-1, best)[..., 0]

    def of(self, view: int, other: int) -> Again:
        """Of one view in another one, of every sequence."""
        return Again(
            *(values[:, view, other] for values in (self.patches, self.shares, self.shown))
        )

    def among(self, tokens: Int[Tensor, " patches"]) -> Again:
        """Of tokens that stand for the patches, by their numbers."""
        return Again(tokens[self.patches], self.shares, self.shown)

    def costs(self, logits: Float[Tensor, "*b n m"]) -> Float[Tensor, " k"]:
        """Cross-entropies of where patches look among m, of those that are shown."""
        said = logits[self.shown].log_softmax(-1).gather(1, self.patches[self.shown])
        return -(said * self.shares[self.shown]).sum(1)

    def right(self, logits: Float[Tensor, "*b n m"]) -> Float[Tensor, " k"]:
        """Of those that are shown, 1 where the nearest patch is looked at most."""
        return (logits.detach()[self.shown].argmax(-1) == self.nearest[self.shown]).float()


def seen_again(batch: TrainingBatch, patch: int) -> Again:
    """Of every view in every other one, by depth and poses."""
    height, width = batch.depth.shape[-2:]
    rows, columns = height // patch, width // patch
    points = _centres(batch.points, patch)[:, :, None]  # (b, v, 1, n, 3)
    known = _centres(batch.valid[..., None], patch)[:, :, None, :, 0]
    T = inverse_rigid(batch.T_world_camera)[:, None]
    seen = points @ T[..., :3, :3].mT + T[..., None, :3, 3]
    K = batch.intrinsics[:, None, :, None]
    depth = seen[..., 2].clamp(min=NEAREST)
    x = seen[..., 0] / depth * K[..., 0, 0] + K[..., 0, 2]
    y = seen[..., 1] / depth * K[..., 1, 1] + K[..., 1, 2]
    pixel_x, pixel_y = x.round().long(), y.round().long()
    within = (seen[..., 2] > NEAREST) & (pixel_x >= 0) & (pixel_x < width)
    within &= (pixel_y >= 0) & (pixel_y < height)
    maps = batch.depth[:, None].expand(-1, x.shape[1], -1, -1, -1).flatten(3)
    pixel = pixel_y.clamp(0, height - 1) * width + pixel_x.clamp(0, width - 1)
    there = maps.gather(3, pixel)
    shown = (there > 0) & ((there - depth).abs() < HIDDEN * depth + NEAREST)
    across, along = (_around(place, patch, count) for place, count in ((y, rows), (x, columns)))
    patches = across[0][..., :, None] * columns + along[0][..., None, :]
    shares = across[1][..., :, None] * along[1][..., None, :]
    return Again(patches.flatten(-2), shares.flatten(-2), known & within & shown)


def _around(place: Tensor, patch: int, count: int) -> tuple[Tensor, Tensor]:
    """The two patches (..., 2) around pixels along one axis, and the share of each; beyond the
    outer centres the outer patch."""
    at = ((place - patch // 2) / patch).clamp(0, count - 1)
    first = at.floor()
    share = at - first
    numbers = torch.stack([first, (first + 1).clamp(max=count - 1)], -1).long()
    return numbers, torch.stack([1 - share, share], -1)


def _centres(maps: Tensor, patch: int) -> Tensor:
    """(B, V, H, W, C) to (B, V, n, C), a pixel for each patch."""
    return maps[:, :, patch // 2 :: patch, patch // 2 :: patch].flatten(2, 3)


def matching_term(
    query: Float[Tensor, "b v n d"], key: Float[Tensor, "b v n d"], again: Again
) -> tuple[Tensor, Tensor]:
    """Mean cross-entropy of where patches look in each view before theirs, and the share that look
    at the right patch most. query, key: of one head, rotated."""
    earlier = torch.ones(again.shown.shape[1:3], dtype=torch.bool, device=query.device).tril(-1)
    counted = Again(again.patches, again.shares, again.shown & earlier[None, :, :, None])
    logits = torch.einsum("bind,bjmd->bijnm", query, key) / query.shape[-1] ** 0.5
    return mean_or_zero(counted.costs(logits)), mean_or_zero(counted.right(logits))
