"""Which images the reference alignment lets the network see together."""

from __future__ import annotations

from collections.abc import Iterator

STRIDE = 2


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
