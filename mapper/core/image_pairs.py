"""Two images that a network saw together, and which ones the reference alignment shows it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from jaxtyping import Float32

STRIDE = 2


@dataclass(frozen=True, slots=True, eq=False)
class ImagePair:
    """An edge between the images i and j, directed: the points of both are in camera i.

    pointmap_i, pointmap_j: float32 (h, w, 3). confidence_i, confidence_j: float32 (h, w), at least
    1; the weight of a pixel is the logarithm, so 1 leaves it out.
    """

    i: int
    j: int
    pointmap_i: Float32[np.ndarray, "h w 3"]
    confidence_i: Float32[np.ndarray, "h w"]
    pointmap_j: Float32[np.ndarray, "h w 3"]
    confidence_j: Float32[np.ndarray, "h w"]

    @property
    def score(self) -> float:
        """How much the network trusts the pair: the product of its mean confidences."""
        return float(self.confidence_i.mean()) * float(self.confidence_j.mean())


# Looks at images again, uint8 (h, w, 3), two by two; tells how many rollouts are done.
RolloutPairs = Callable[[Sequence[np.ndarray], Callable[[int], None] | None], list[ImagePair]]


def rollout_indices(images: int) -> Iterator[list[int]]:
    """2 n - 1 lists of images, each with its root first.

    All in a row; then, from every image but the first, every second one forward and backward.
    Source: the written description of CUT3R's global alignment, section 1.
    """
    if images > 0:
        yield list(range(images))
    for root in range(1, images):
        yield list(range(root, images, STRIDE))
        yield list(range(root, -1, -STRIDE))


def pair_indices(images: int) -> list[tuple[int, int]]:
    """n (n - 1) / 2 pairs (root, other) of the rollouts, in the order of `pair_order`."""
    pairs = [(root, other) for root, *others in rollout_indices(images) for other in others]
    return sorted(pairs, key=pair_order)


def pair_order(pair: tuple[int, int]) -> tuple[bool, int, int]:
    """Sorts (root, other): forward pairs by root, then backward pairs by the other image."""
    root, other = pair
    return root > other, min(pair), max(pair)
