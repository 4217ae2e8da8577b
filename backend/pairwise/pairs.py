"""What the alignment is given: two views' points, both in the first one's camera."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components
from torch import Tensor

from mapper.core.image_pairs import ImagePair
from mapper.errors import InputError


def checked_pairs(pairs: Sequence[ImagePair], images: int) -> list[ImagePair]:
    """The pairs as they are. InputError where they cannot be aligned to one scene."""
    if images < 2 or not pairs:
        raise InputError(
            f"{images} images and {len(pairs)} pairs: pairwise alignment needs at least two images "
            "and one pair; use more keyframes"
        )
    shape = pairs[0].pointmap_i.shape
    for pair in pairs:
        _check(pair, images, shape)
    if len({(pair.i, pair.j) for pair in pairs}) < len(pairs):
        raise InputError("a pair of images is given twice; keep one of the two")
    edges = ([p.i for p in pairs], [p.j for p in pairs])
    graph = coo_matrix((np.ones(len(pairs)), edges), shape=(images, images))
    parts = connected_components(graph, directed=False)[0]
    if parts > 1:
        raise InputError(
            f"the pairs join the {images} images to {parts} separate groups; align each group on "
            "its own or add pairs between them"
        )
    return list(pairs)


def _check(pair: ImagePair, images: int, shape: tuple[int, ...]) -> None:
    name = f"pair ({pair.i}, {pair.j})"
    if pair.i == pair.j or not (0 <= pair.i < images and 0 <= pair.j < images):
        raise InputError(f"{name}: expected two different indices below {images}; renumber it")
    maps = (pair.pointmap_i, pair.pointmap_j, pair.confidence_i, pair.confidence_j)
    shapes = [each.shape for each in maps]
    if len(shape) != 3 or shapes != [shape, shape, shape[:2], shape[:2]]:
        raise InputError(
            f"{name}: arrays of shapes {shapes}, expected pointmaps (h, w, 3) and confidences "
            "(h, w) of one size in all pairs; resize the images alike"
        )
    if not all(np.isfinite(each).all() for each in maps):
        raise InputError(f"{name}: points or confidences are not finite; leave the pair out")
    if min(pair.confidence_i.min(), pair.confidence_j.min()) < 1:
        raise InputError(f"{name}: confidences below 1 make negative weights; clip them at 1")


def image_confidence(pairs: Sequence[ImagePair], images: int) -> np.ndarray:
    """float32 (images, h, w): the best confidence that any pair gives a pixel."""
    best = np.zeros((images, *pairs[0].confidence_i.shape), np.float32)
    for pair in pairs:
        np.maximum(best[pair.i], pair.confidence_i, out=best[pair.i])
        np.maximum(best[pair.j], pair.confidence_j, out=best[pair.j])
    return best


@dataclass(frozen=True, slots=True, eq=False)
class Observations:
    """Both sides of all pairs, stacked: the first E rows are the sides i, the last E the sides j.

    image: int64 (2E,), whose pixels they are. pair: int64 (2E,). points: float32 (2E, 3, h w).
    weights: float32 (2E, h w), logarithms of the confidences.
    """

    image: Tensor
    pair: Tensor
    points: Tensor
    weights: Tensor

    @staticmethod
    def of(pairs: Sequence[ImagePair], device: torch.device) -> Observations:
        """On the device, pixels row by row."""
        maps = [p.pointmap_i for p in pairs] + [p.pointmap_j for p in pairs]
        confidences = [p.confidence_i for p in pairs] + [p.confidence_j for p in pairs]
        points = torch.from_numpy(np.stack(maps).astype(np.float32, copy=False)).to(device)
        confidence = torch.from_numpy(np.stack(confidences).astype(np.float32, copy=False))
        return Observations(
            torch.tensor([p.i for p in pairs] + [p.j for p in pairs], device=device),
            torch.arange(len(pairs), device=device).repeat(2),
            points.flatten(1, 2).transpose(1, 2).contiguous(),
            confidence.to(device).log_().flatten(1),
        )
