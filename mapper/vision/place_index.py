"""Place recognition: which earlier views share features with this one, without comparing all."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from jaxtyping import UInt8

TABLES = 8
BITS = 16
HASH_SEED = 20


class PlaceIndex:
    """An inverted index of binary descriptors by locality-sensitive hashing.

    Each of TABLES tables keys a descriptor by BITS of its 256 bits, drawn at random once; views
    vote for each other through shared keys, each key weighted by its rarity (tf-idf). The cost of
    a query follows the number of shared keys, not the number of views.
    Source of the hashing: Indyk and Motwani, STOC 1998.
    """

    def __init__(self) -> None:
        rng = np.random.default_rng(HASH_SEED)
        self._bits = np.stack([rng.choice(256, BITS, replace=False) for _ in range(TABLES)])
        self._postings: list[dict[int, list[int]]] = [defaultdict(list) for _ in range(TABLES)]
        self._views = 0

    def __len__(self) -> int:
        return self._views

    def add(self, view: int, descriptors: UInt8[np.ndarray, "n 32"]) -> None:
        """File a view under the keys of its descriptors, uint8 (N, 32)."""
        for postings, keys in zip(self._postings, self._keys(descriptors), strict=True):
            for key in np.unique(keys).tolist():
                postings[key].append(view)
        self._views += 1

    def remove(self, view: int, descriptors: UInt8[np.ndarray, "n 32"]) -> None:
        """Forget a view that was filed under these descriptors."""
        for postings, keys in zip(self._postings, self._keys(descriptors), strict=True):
            for key in np.unique(keys).tolist():
                postings[key].remove(view)
                if not postings[key]:
                    del postings[key]
        self._views -= 1

    def query(self, descriptors: UInt8[np.ndarray, "n 32"], count: int) -> list[tuple[int, float]]:
        """The `count` views with the most votes, best first: (view, score per key asked)."""
        votes: dict[int, float] = defaultdict(float)
        asked = 0
        for postings, keys in zip(self._postings, self._keys(descriptors), strict=True):
            unique = np.unique(keys).tolist()
            asked += len(unique)
            for key in unique:
                views = postings.get(key)
                if views is None or len(views) > max(20, self._views // 4):
                    continue  # a key that every view has tells nothing
                weight = np.log1p(self._views / len(views))
                for view in views:
                    votes[view] += weight
        best = sorted(votes.items(), key=lambda item: (-item[1], item[0]))[:count]
        return [(view, score / max(asked, 1)) for view, score in best]

    def _keys(self, descriptors: np.ndarray) -> np.ndarray:
        """int64 (TABLES, N)."""
        bits = np.unpackbits(descriptors, axis=1)
        weights = 1 << np.arange(BITS, dtype=np.int64)
        return np.stack([bits[:, table].astype(np.int64) @ weights for table in self._bits])
