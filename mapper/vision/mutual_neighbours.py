"""Pairs descriptors that are vectors."""

from __future__ import annotations

from typing import TYPE_CHECKING

import cv2
import numpy as np

if TYPE_CHECKING:
    from jaxtyping import Float, Float32, Int


def product(
    a: Float32[np.ndarray, "n d"], b: Float32[np.ndarray, "m d"]
) -> Float32[np.ndarray, "n m"]:
    """Products of each row of a with each of b.

    By OpenCV, whose library like NumPy's wakes threads for it, which then look for more work for
    25 ms: the command line gives both one thread (`mapper.cli`).
    """
    if len(a) == 0 or len(b) == 0:
        return np.zeros((len(a), len(b)), np.float32)
    return np.asarray(cv2.gemm(a, b, 1.0, None, 0.0, flags=cv2.GEMM_2_T))  # type: ignore[call-overload]


def mutual_neighbours(
    a: Float[np.ndarray, "n d"], b: Float[np.ndarray, "m d"], min_cosine: float
) -> Int[np.ndarray, "k 2"]:
    """Unit vectors that are nearest to each other, and near enough: int (K, 2), (in a, in b)."""
    if len(a) == 0 or len(b) == 0:
        return np.zeros((0, 2), int)
    cosines = product(a.astype(np.float32), b.astype(np.float32))
    nearest_b, nearest_a = cosines.argmax(axis=1), cosines.argmax(axis=0)
    rows = np.arange(len(a))
    mutual = (nearest_a[nearest_b] == rows) & (cosines[rows, nearest_b] > min_cosine)
    return np.column_stack([rows[mutual], nearest_b[mutual]])
