"""In what order samples come, of what size and length each batch is, as published.

Sections 7.1 and 7.2 of the training specification.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, NamedTuple

import numpy as np

RESIZING_SEED: Final = 777
SAMPLER_SEED: Final = 788


class Row(NamedTuple):
    """sample: its index. resolution: index of its batch's size. views: of its batch."""

    sample: int
    resolution: int
    views: int


@dataclass(frozen=True, slots=True)
class BatchPlan:
    """resolutions: how many sizes there are; the first half of them comes twice as often. views:
    fewest and most of a batch."""

    batch: int
    resolutions: int
    views: tuple[int, int]

    def rows(self, samples: int, epoch: int) -> list[Row]:
        """Of an epoch, batch after batch; the rows of one share resolution and views. The last
        batch may be short."""
        rng = np.random.default_rng(SAMPLER_SEED + epoch)
        order = np.arange(samples)
        rng.shuffle(order)
        count = -(-samples // self.batch)
        if self.resolutions == 1:
            sizes = rng.integers(1, size=count)
        else:
            weights = np.ones(self.resolutions)
            weights[: self.resolutions // 2] = 2
            sizes = rng.choice(self.resolutions, size=count, p=weights / weights.sum())
        views = rng.integers(self.views[0], self.views[1] + 1, size=count)
        return [
            Row(int(index), int(sizes[row // self.batch]), int(views[row // self.batch]))
            for row, index in enumerate(order)
        ]


def stream3r_rows(samples: int, resolutions: int, batch: int, epoch: int) -> list[tuple[int, int]]:
    """(index, resolution) as STream3R draws them, all resolutions alike."""
    rng = np.random.default_rng(RESIZING_SEED + epoch)
    order = np.arange(samples)
    rng.shuffle(order)
    sizes = rng.integers(resolutions, size=-(-samples // batch))
    return [(int(index), int(sizes[row // batch])) for row, index in enumerate(order)]


def resized(length: int, size: int, epoch: int) -> list[int]:
    """Which samples of a dataset of `length` an epoch of `size` is made of ("size @ dataset")."""
    order = np.random.default_rng(RESIZING_SEED + epoch).permutation(length)
    return [int(order[index % length]) for index in range(size)]
