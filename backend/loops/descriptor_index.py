"""Finds keyframes by a frontend's descriptor, without comparing with all of them."""

from __future__ import annotations

from collections import defaultdict

import numpy as np

TABLES = 12
BITS = 10
HASH_SEED = 21
CENTRE_VIEWS = 32  # views whose mean is taken for all; so few are compared one by one


class DescriptorIndex:
    """Random-hyperplane hashing of vectors (Charikar, STOC 2002), then exact cosines.

    Each of TABLES tables files a vector under the signs of BITS random projections. Only vectors
    that share a key with the query in some table are compared with it. The descriptors of one
    network share a large mean, which makes every pair look alike; that of the first views is
    taken off.
    """

    def __init__(self) -> None:
        self._vectors: dict[int, np.ndarray] = {}
        self._mean: np.ndarray | None = None  # known after CENTRE_VIEWS
        self._planes = np.zeros((0, 0))
        self._tables: list[dict[int, list[int]]] = [defaultdict(list) for _ in range(TABLES)]
        self._filed: dict[int, list[int]] = {}  # the keys of each view

    def __len__(self) -> int:
        return len(self._vectors)

    def add(self, view: int, descriptor: np.ndarray) -> None:
        """File a view under its descriptor, float32 (d,)."""
        self._vectors[view] = descriptor.astype(np.float64)
        if self._mean is not None:
            self._file(view)
        elif len(self) == CENTRE_VIEWS:
            self._mean = np.mean(list(self._vectors.values()), axis=0)
            rng = np.random.default_rng(HASH_SEED)
            self._planes = rng.standard_normal((TABLES * BITS, len(descriptor)))
            for filed in self._vectors:
                self._file(filed)

    def remove(self, view: int) -> None:
        """Forget a view; one that was never filed is no matter."""
        self._vectors.pop(view, None)
        for table, key in zip(self._tables, self._filed.pop(view, ()), strict=False):
            table[key].remove(view)

    def query(self, descriptor: np.ndarray, count: int) -> list[tuple[int, float]]:
        """The `count` most similar views, best first: (view, cosine of the centred vectors)."""
        views = self._near(descriptor)
        if not views:
            return []
        vectors = np.stack([self._vectors[view] for view in views])
        mean = vectors.mean(0) if self._mean is None else self._mean
        centred, asked = vectors - mean, descriptor - mean
        norms = np.linalg.norm(centred, axis=1) * np.linalg.norm(asked)
        cosines = centred @ asked / np.maximum(norms, 1e-12)
        best = np.argsort(-cosines, kind="stable")[:count]
        return [(views[k], float(cosines[k])) for k in best]

    def _near(self, descriptor: np.ndarray) -> list[int]:
        """Views that share a key; all of them while they are few."""
        if self._mean is None:
            return sorted(self._vectors)
        keys = self._keys(descriptor)
        found = (table.get(key, []) for table, key in zip(self._tables, keys, strict=True))
        return sorted({view for views in found for view in views})

    def _file(self, view: int) -> None:
        self._filed[view] = self._keys(self._vectors[view])
        for table, key in zip(self._tables, self._filed[view], strict=True):
            table[key].append(view)

    def _keys(self, descriptor: np.ndarray) -> list[int]:
        signs = (self._planes @ (descriptor - self._mean) > 0).reshape(TABLES, BITS)
        return [int(key) for key in signs @ (1 << np.arange(BITS))]
