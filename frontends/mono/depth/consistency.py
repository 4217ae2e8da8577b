"""What several depth maps agree on."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

import cv2
import numpy as np

from mapper.frontends.mono.depth.hypotheses import chosen
from mapper.frontends.mono.depth.view import DepthMap, RawDepth

if TYPE_CHECKING:
    from jaxtyping import Float32

MIN_AGREEING: Final = 2  # maps, besides the one that says so
ENOUGH: Final = 4  # maps that agree, for full confidence
SPECKLE: Final = 600  # pixels of the smallest patch that is kept, of a map of FULL pixels
FULL: Final = 320 * 240
SPECKLE_STEP: Final = 0.05  # of the depth, between pixels of one patch
LOG_UNITS: Final = 2000.0  # of the logarithm of depth, for whole numbers


def consistent(raw: RawDepth, others: Sequence[RawDepth]) -> DepthMap:
    """The depths of a view that at least MIN_AGREEING maps confirm to the one that has them, more
    than look through them; its own or what the others, all of its size, saw there."""
    found = chosen(raw, others)
    kept = (found.agreeing >= MIN_AGREEING) & (found.agreeing > found.contradicting)
    depth = np.zeros_like(raw.inverse)
    np.divide(1.0, found.inverse, out=depth, where=kept)
    depth = _without_speckles(depth)
    trust = np.minimum(found.zncc, 1) ** 2 * np.minimum(found.agreeing, ENOUGH) / ENOUGH
    return DepthMap(depth, np.where(depth > 0, trust, 0).astype(np.float32))


def _without_speckles(depth: Float32[np.ndarray, "h w"]) -> Float32[np.ndarray, "h w"]:
    there = depth > 0
    if not there.any():
        return depth
    logs = np.log(depth, out=np.zeros_like(depth), where=there)
    logs -= logs[there].mean()
    whole = np.where(there, np.clip(logs * LOG_UNITS, -16000, 16000), -32000).astype(np.int16)
    smallest = round(SPECKLE * depth.size / FULL)
    cv2.filterSpeckles(whole, -32000, smallest, SPECKLE_STEP * LOG_UNITS)
    return np.where(whole > -32000, depth, np.float32(0))
