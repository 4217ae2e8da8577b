"""Terms that compare neighbouring pixels: edges and normals of a map against those of the truth."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import torch
from torch import Tensor
from torch.nn.functional import pad

from mapper.train.losses.terms import LIMIT, finite

if TYPE_CHECKING:
    from jaxtyping import Bool, Float

EDGE_STRIDES: Final = (1, 2, 4, 8)
NORMAL_STRIDES: Final = (1, 2, 4)
FEWEST_NORMALS: Final = 10


def edge_term(
    predicted: Float[Tensor, "n h w c"],
    true: Float[Tensor, "n h w c"],
    valid: Bool[Tensor, "n h w"],
    limit_images: bool,
) -> Tensor:
    """How much the error changes from pixel to pixel, mean over EDGE_STRIDES.

    limit_images: no image counts for more than LIMIT at a stride. STream3R published it so; real
    images are above it at full resolution, where the term then teaches nothing.
    """
    terms = []
    for stride in EDGE_STRIDES:
        mask = valid[:, ::stride, ::stride]
        error = torch.where(mask[..., None], (predicted - true)[:, ::stride, ::stride], 0)
        sums = _changes(error, mask, 1).flatten(1).sum(1) + _changes(error, mask, 2).flatten(1).sum(
            1
        )
        elements = mask.sum() * error.shape[-1]
        sums = finite(sums) if limit_images else sums
        terms.append(sums.sum() / elements.clamp(min=1) * (elements > 0))
    return torch.stack(terms).mean()


def _changes(error: Tensor, mask: Tensor, axis: int) -> Tensor:
    """Absolute differences of neighbours along an axis, where both are valid."""
    length = error.shape[axis] - 1
    both = mask.narrow(axis, 1, length) & mask.narrow(axis, 0, length)
    change = (error.narrow(axis, 1, length) - error.narrow(axis, 0, length)).abs()
    return change.clamp(max=LIMIT) * both[..., None]


def normal_term(
    predicted: Float[Tensor, "n h w 3"],
    true: Float[Tensor, "n h w 3"],
    valid: Bool[Tensor, "n h w"],
) -> Tensor:
    """1 - cosine between normals, mean over the directions that are valid, at NORMAL_STRIDES."""
    terms = []
    for stride in NORMAL_STRIDES:
        mask = valid[:, ::stride, ::stride]
        mine = normals(predicted[:, ::stride, ::stride], 1e-8)
        theirs = normals(true[:, ::stride, ::stride], 1e-8)
        known = _valid_directions(mask)
        if int(known.sum()) < FEWEST_NORMALS:
            terms.append(0 * predicted.sum())
            continue
        cosines = (mine[known] * theirs[known]).sum(-1)
        terms.append((1 - cosines.clamp(-1 + 1e-8, 1 - 1e-8)).mean())
    return torch.stack(terms).mean()


def normals(points: Float[Tensor, "n h w 3"], epsilon: float) -> Float[Tensor, "4 n h w 3"]:
    """Unit normals from the differences to neighbours: up x left, left x down, down x right,
    right x up; those beyond the border are taken as 0."""
    padded = pad(points, (0, 0, 1, 1, 1, 1))
    up, down = padded[:, :-2, 1:-1] - points, padded[:, 2:, 1:-1] - points
    left, right = padded[:, 1:-1, :-2] - points, padded[:, 1:-1, 2:] - points
    pairs = ((up, left), (left, down), (down, right), (right, up))
    crossed = torch.stack([torch.linalg.cross(a, b) for a, b in pairs])
    return torch.nn.functional.normalize(crossed, dim=-1, eps=epsilon)


def _valid_directions(valid: Bool[Tensor, "n h w"]) -> Bool[Tensor, "4 n h w"]:
    padded = pad(valid, (1, 1, 1, 1))
    up, down = padded[:, :-2, 1:-1], padded[:, 2:, 1:-1]
    left, right = padded[:, 1:-1, :-2], padded[:, 1:-1, 2:]
    pairs = ((up, left), (left, down), (down, right), (right, up))
    return torch.stack([a & b & valid for a, b in pairs])
