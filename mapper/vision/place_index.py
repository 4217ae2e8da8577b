"""Place recognition: which earlier views share features with this one, without comparing all."""

from __future__ import annotations

from array import array
from collections import defaultdict
from typing import TYPE_CHECKING

import numpy as np

from mapper.vision.mutual_neighbours import product

if TYPE_CHECKING:
    from jaxtyping import Shaped

TABLES = 8
BITS = 16
HASH_SEED = 20


class PlaceIndex:
    """An inverted index of descriptors by locality-sensitive hashing.

    Each of TABLES tables keys a descriptor by BITS of its 256 bits, drawn at random once, or, where
    it is a vector, by the sides of as many random planes that it lies on; views vote for each other
    through shared keys, each key weighted by its rarity (tf-idf). The cost of a query follows the
    number of shared keys, not the number of views.
    Source of the hashing: Indyk and Motwani, STOC 1998; of planes: Charikar, STOC 2002.
    """

    def __init__(self) -> None:
        rng = np.random.default_rng(HASH_SEED)
        self._bits = np.stack([rng.choice(256, BITS, replace=False) for _ in range(TABLES)])
        self._planes: np.ndarray | None = None  # (TABLES * BITS, D), for vectors
        self._postings: list[dict[int, array[int]]] = [
            defaultdict(_no_views) for _ in range(TABLES)
        ]
        self._views = 0

    def __len__(self) -> int:
        return self._views

    def add(self, view: int, descriptors: Shaped[np.ndarray, "n d"]) -> None:
        """File a view under the keys of its descriptors: uint8 (N, 32), or vectors (N, D)."""
        for postings, keys in zip(self._postings, self._keys(descriptors), strict=True):
            for key in np.unique(keys).tolist():
                postings[key].append(view)
        self._views += 1

    def remove(self, view: int, descriptors: Shaped[np.ndarray, "n d"]) -> None:
        """Forget a view that was filed under these descriptors."""
        for postings, keys in zip(self._postings, self._keys(descriptors), strict=True):
            for key in np.unique(keys).tolist():
                postings[key].remove(view)
                if not postings[key]:
                    del postings[key]
        self._views -= 1

    def query(self, descriptors: Shaped[np.ndarray, "n d"], count: int) -> list[tuple[int, float]]:
        """The `count` views with the most votes, best first: (view, score per key asked)."""
        voters, weights, asked = [], [], 0
        for postings, keys in zip(self._postings, self._keys(descriptors), strict=True):
            unique = np.unique(keys).tolist()
            asked += len(unique)
            for key in unique:
                views = postings.get(key)
                if views is None or len(views) > max(20, self._views // 4):
                    continue  # a key that every view has tells nothing
                voters.append(np.frombuffer(views, np.int64))
                weights.append(np.log1p(self._views / len(views)))
        if not voters:
            return []
        counts = [len(views) for views in voters]
        votes = np.bincount(np.concatenate(voters), np.repeat(weights, counts))
        return [(view, float(votes[view]) / asked) for view in _most(votes, count)]

    def _keys(self, descriptors: np.ndarray) -> np.ndarray:
        """int64 (TABLES, N)."""
        if descriptors.dtype != np.uint8:
            planes = self._planes_of(descriptors.shape[1])
            sides = product(descriptors.astype(np.float32), planes) > 0
            return np.packbits(sides, axis=1).view(np.uint16).astype(np.int64).T
        bits = np.unpackbits(descriptors, axis=1)
        weights = 1 << np.arange(BITS, dtype=np.int64)
        return np.stack([bits[:, table].astype(np.int64) @ weights for table in self._bits])

    def _planes_of(self, dimension: int) -> np.ndarray:
        """The normals of the planes, float32 (TABLES * BITS, D); the same each time."""
        if self._planes is None or self._planes.shape[1] != dimension:
            rng = np.random.default_rng(HASH_SEED)
            self._planes = rng.standard_normal((TABLES * BITS, dimension)).astype(np.float32)
        return self._planes


def _no_views() -> array[int]:
    return array("q")


def _most(votes: np.ndarray, count: int) -> list[int]:
    """The `count` views with the most votes, if any; of equals the first."""
    voted = np.flatnonzero(votes)
    if len(voted) > count:  # sorting all of them would take longer than finding these
        least = np.partition(votes[voted], -count)[-count]
        voted = voted[votes[voted] >= least]
    order = np.lexsort((voted, -votes[voted]))[:count]
    return [int(view) for view in voted[order]]
