"""Where the surface of each pixel may be, by several depth maps, and what they say of each other.

Source: Merrell et al., "Real-time visibility-based fusion of depth maps", ICCV 2007.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from mapper.frontends.mono.depth.view import RawDepth, between
from mapper.runtime.kernels import kernel

if TYPE_CHECKING:
    from jaxtyping import Float32, Int32

TOLERANCE: Final = 0.05  # of the inverse depth
MIN_ZNCC: Final = 0.65  # of a depth that is listened to


@dataclass(frozen=True, slots=True, eq=False)
class Chosen:
    """inverse: float32 (h, w), 1/units, the mean of those that agree; 0 = none. zncc: float32
    (h, w), where it was measured. agreeing, contradicting: int32 (h, w), maps besides its own."""

    inverse: Float32[np.ndarray, "h w"]
    zncc: Float32[np.ndarray, "h w"]
    agreeing: Int32[np.ndarray, "h w"]
    contradicting: Int32[np.ndarray, "h w"]


def chosen(raw: RawDepth, others: Sequence[RawDepth]) -> Chosen:
    """The best confirmed of what a map and the others, of its size, hold each of its pixels for.

    A map of one moment has nothing at its borders, where its neighbours did not look, and is wrong
    where they were blurred; others may have seen what is there.
    """
    shape = raw.inverse.shape
    found = Chosen(
        np.zeros(shape, np.float32),
        np.zeros(shape, np.float32),
        np.zeros(shape, np.int32),
        np.zeros(shape, np.int32),
    )
    if not others:
        return found
    maps = np.stack([_trusted(raw), *(_trusted(other) for other in others)])
    hypotheses, scores = np.zeros_like(maps), np.zeros_like(maps)
    hypotheses[0], scores[0] = maps[0], raw.zncc
    for k, other in enumerate(others, 1):
        M, m = between(other.view, raw.view)
        _seen_from(maps[k], other.zncc, M, m, hypotheses[k], scores[k])
    relations = [between(raw.view, other.view) for other in (raw, *others)]
    M, m = np.stack([M for M, _ in relations]), np.stack([m for _, m in relations])
    _choose(
        hypotheses, scores, maps, M, m, TOLERANCE,
        found.inverse, found.zncc, found.agreeing, found.contradicting,
    )  # fmt: skip
    return found


def _trusted(raw: RawDepth) -> Float32[np.ndarray, "h w"]:
    return np.where(raw.zncc > MIN_ZNCC, raw.inverse, np.float32(0))


@kernel()
def _seen_from(inverse, zncc, M, m, seen, score):
    """Write, in place, what another view sees of a map: the nearest surface in each pixel."""
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
            if u < 0 or v < 0 or u >= width or v >= height:
                continue
            if d / z > seen[v, u]:
                seen[v, u] = d / z
                score[v, u] = zncc[r, c]


@kernel()
def _choose(hypotheses, scores, maps, M, m, tolerance, inverse, zncc, agreeing, contradicting):
    """Write, in place, the hypothesis that most maps agree with, less those that look through it;
    of equals the first, which is the view's own."""
    count, height, width = hypotheses.shape
    for r in range(height):
        for c in range(width):
            best = -count - 1
            for k in range(count):
                d = hypotheses[k, r, c]
                if d <= 0:
                    continue
                agree, against, total = 0, 0, 0.0
                for n in range(count):
                    low = M[n, 2, 0] * c + M[n, 2, 1] * r + M[n, 2, 2]
                    z = low + m[n, 2] * d
                    if z <= 1e-6:
                        continue
                    a = M[n, 0, 0] * c + M[n, 0, 1] * r + M[n, 0, 2] + m[n, 0] * d
                    b = M[n, 1, 0] * c + M[n, 1, 1] * r + M[n, 1, 2] + m[n, 1] * d
                    u, v = int(np.floor(a / z + 0.5)), int(np.floor(b / z + 0.5))
                    if u < 0 or v < 0 or u >= width or v >= height:
                        continue
                    theirs = maps[n, v, u]
                    if theirs <= 0:
                        continue
                    expected = d / z  # inverse depth of the point in the other view
                    if abs(theirs - expected) < tolerance * expected:
                        agree += 1
                        total += theirs * low / (1 - theirs * m[n, 2])
                    elif theirs < expected:
                        against += 1
                if agree - against > best and agree > 0:
                    best = agree - against
                    inverse[r, c] = total / agree
                    zncc[r, c] = scores[k, r, c]
                    agreeing[r, c] = agree - 1
                    contradicting[r, c] = against
