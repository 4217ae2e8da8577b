"""What several depth maps agree on."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

import cv2
import numpy as np

from mapper.frontends.mono.depth.view import DepthMap, RawDepth, between
from mapper.runtime.kernels import kernel

if TYPE_CHECKING:
    from jaxtyping import Float32

TOLERANCE: Final = 0.03  # of the inverse depth
MIN_AGREEING: Final = 2
ENOUGH: Final = 4  # maps that agree, for full confidence
MIN_ZNCC: Final = 0.5
SPECKLE: Final = 30  # pixels of the smallest patch that is kept
SPECKLE_STEP: Final = 0.05  # of the depth, between pixels of one patch
LOG_UNITS: Final = 2000.0  # of the logarithm of depth, for whole numbers


def consistent(raw: RawDepth, others: Sequence[RawDepth]) -> DepthMap:
    """The depths that at least MIN_AGREEING of the others see too, more than look through them."""
    agreeing = np.zeros(raw.inverse.shape, np.int32)
    contradicting = np.zeros(raw.inverse.shape, np.int32)
    for other in others:
        M, m = between(raw.view, other.view)
        trusted = np.where(other.zncc > MIN_ZNCC, other.inverse, np.float32(0))
        _compare(raw.inverse, trusted, M, m, TOLERANCE, agreeing, contradicting)
    kept = (agreeing >= MIN_AGREEING) & (agreeing > contradicting)
    kept &= (raw.zncc > MIN_ZNCC) & (raw.inverse > 0)
    depth = np.zeros_like(raw.inverse)
    np.divide(1.0, raw.inverse, out=depth, where=kept)
    depth = _without_speckles(depth)
    trust = np.minimum(raw.zncc, 1) ** 2 * np.minimum(agreeing, ENOUGH) / ENOUGH
    return DepthMap(depth, np.where(depth > 0, trust, 0).astype(np.float32))


def _without_speckles(depth: Float32[np.ndarray, "h w"]) -> Float32[np.ndarray, "h w"]:
    there = depth > 0
    if not there.any():
        return depth
    logs = np.log(depth, out=np.zeros_like(depth), where=there)
    logs -= logs[there].mean()
    whole = np.where(there, np.clip(logs * LOG_UNITS, -16000, 16000), -32000).astype(np.int16)
    cv2.filterSpeckles(whole, -32000, SPECKLE, SPECKLE_STEP * LOG_UNITS)
    return np.where(whole > -32000, depth, np.float32(0))


@kernel()
def _compare(inverse, other, M, m, tolerance, agreeing, contradicting):
    """Count, in place, where the other map agrees and where it sees further through a point."""
    height, width = inverse.shape
    for r in range(height):
        for c in range(width):
            d = inverse[r, c]
            if d <= 0:
                continue
            z = M[2, 0] * c + M[2, 1] * r + M[2, 2] + m[2] * d
            if z <= 1e-6:
                continue
            u = int(np.floor((M[0, 0] * c + M[0, 1] * r + M[0, 2] + m[0] * d) / z + 0.5))
            v = int(np.floor((M[1, 0] * c + M[1, 1] * r + M[1, 2] + m[1] * d) / z + 0.5))
            if u < 0 or v < 0 or u >= other.shape[1] or v >= other.shape[0]:
                continue
            theirs = other[v, u]
            if theirs <= 0:
                continue
            expected = d / z  # inverse depth of the point in the other view
            if abs(theirs - expected) < tolerance * expected:
                agreeing[r, c] += 1
            elif theirs < expected:
                contradicting[r, c] += 1
