"""The cells of space in which surfaces were seen, as sorted keys."""

from __future__ import annotations

import itertools
from typing import Final

import numpy as np
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components

from mapper.core.geometry import backproject, transform
from mapper.core.intrinsics import Intrinsics

BITS: Final = 21  # of a coordinate: a million cells to both sides
OFFSET: Final = 1 << (BITS - 1)
NOWHERE: Final = np.int64(-1)
# One of each pair of opposite directions to the 26 neighbours, and no step.
HALF: Final = [d for d in itertools.product((-1, 0, 1), repeat=3) if d > (0, 0, 0)]


def keys_of(points: np.ndarray, size: float) -> np.ndarray:
    """int64 (N,): the cells that points (N, 3) are in. size: side of a cell."""
    return packed(np.floor(points / size).astype(np.int64))


def packed(coordinates: np.ndarray) -> np.ndarray:
    """int64 (N,) of whole coordinates (N, 3)."""
    x, y, z = (coordinates + OFFSET).T
    keys: np.ndarray = (x << (2 * BITS)) | (y << BITS) | z
    return keys


def coordinates_of(keys: np.ndarray) -> np.ndarray:
    """int64 (N, 3), of keys (N,)."""
    mask = (1 << BITS) - 1
    return np.stack([keys >> (2 * BITS), (keys >> BITS) & mask, keys & mask], axis=1) - OFFSET


def pixel_keys(
    depth: np.ndarray, intrinsics: Intrinsics, T_world_camera: np.ndarray, size: float
) -> tuple[np.ndarray, np.ndarray]:
    """(flat pixels (N,), their cells (N,)) of the readings of a view. depth: float32 (H, W)."""
    pixels = np.flatnonzero(depth > 0)
    points = backproject(depth, intrinsics).reshape(-1, 3)[pixels]
    return pixels, keys_of(transform(T_world_camera, points.astype(np.float64)), size)


def rows_in(known: np.ndarray, keys: np.ndarray) -> np.ndarray:
    """int (N,): where keys (N,) are in the sorted `known`; -1 = nowhere."""
    if not len(known):
        return np.full(len(keys), -1)
    rows = np.minimum(np.searchsorted(known, keys), len(known) - 1)
    return np.where(known[rows] == keys, rows, -1)


def neighbours(known: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Pairs of rows of sorted keys whose cells touch, at a side, an edge or a corner."""
    coordinates = coordinates_of(known)
    first, second = [], []
    for step in HALF:
        rows = rows_in(known, packed(coordinates + np.array(step)))
        found = np.flatnonzero(rows >= 0)
        first.append(found)
        second.append(rows[found])
    return np.concatenate(first), np.concatenate(second)


def components(known: np.ndarray) -> tuple[int, np.ndarray]:
    """(how many, which one each is of (N,)): what of sorted keys hangs together."""
    i, j = neighbours(known)
    n = len(known)
    graph = coo_matrix((np.ones(len(i), bool), (i, j)), shape=(n, n))
    count, labels = connected_components(graph, directed=False)
    return int(count), labels
