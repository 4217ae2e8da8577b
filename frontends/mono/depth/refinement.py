"""Inverse depths between the planes: each pixel's patch fitted to the neighbours' images."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from mapper.runtime.kernels import kernel

if TYPE_CHECKING:
    from jaxtyping import Float32, Float64, UInt8

REACH = 2  # pixels: 5x5
COUNT = (2 * REACH + 1) ** 2
STEPS = 3
MIN_ZNCC = 0.5  # of a neighbour that is listened to
MOST = 2.0  # planes, in all


def refined(
    grey: UInt8[np.ndarray, "h w"],
    neighbours: UInt8[np.ndarray, "n h w"],
    M: Float64[np.ndarray, "n 3 3"],
    m: Float64[np.ndarray, "n 3"],
    inverse: Float32[np.ndarray, "h w"],
    plane: float,
) -> tuple[Float32[np.ndarray, "h w"], Float32[np.ndarray, "h w"]]:
    """(inverse depths, mean ZNCC) after some steps of Gauss-Newton. plane: between two planes."""
    return _refined(grey, neighbours, M, m, inverse, plane)


@kernel()
def _refined(grey, neighbours, M, m, inverse, plane):
    height, width = grey.shape
    result, score = inverse.copy(), np.zeros((height, width), np.float32)
    own = np.empty(COUNT, np.float32)
    for r in range(REACH, height - REACH):
        for c in range(REACH, width - REACH):
            mean, power = np.float32(0), np.float32(0)
            i = 0
            for dr in range(-REACH, REACH + 1):
                for dc in range(-REACH, REACH + 1):
                    own[i] = grey[r + dr, c + dc]
                    mean += own[i]
                    i += 1
            mean /= COUNT
            for i in range(COUNT):
                own[i] -= mean
                power += own[i] * own[i]
            if power < COUNT:  # a grey level each: nothing to hold on to
                continue
            d = float(inverse[r, c])
            for step in range(STEPS + 1):
                zncc, change = _look(neighbours, M, m, r, c, d, own, power)
                score[r, c] = zncc
                if step == STEPS or change == 0.0:
                    break
                d += min(max(change, -plane), plane)
                d = min(max(d, inverse[r, c] - MOST * plane), inverse[r, c] + MOST * plane)
            result[r, c] = d
    return result, score


@kernel()
def _look(neighbours, M, m, r, c, d, own, power):
    """(mean ZNCC of the neighbours that see the patch well, the change of d that fits them)."""
    height, width = neighbours.shape[1:]
    seen = np.empty(COUNT, np.float32)
    slopes = np.empty(COUNT, np.float32)
    total, good, g, h = 0.0, 0, 0.0, 0.0
    for n in range(len(neighbours)):
        a = M[n, 0, 0] * c + M[n, 0, 1] * r + M[n, 0, 2] + m[n, 0] * d
        b = M[n, 1, 0] * c + M[n, 1, 1] * r + M[n, 1, 2] + m[n, 1] * d
        z = M[n, 2, 0] * c + M[n, 2, 1] * r + M[n, 2, 2] + m[n, 2] * d
        if z <= 1e-6:
            continue
        u, v = a / z, b / z
        ux, uy = (M[n, 0, 0] - u * M[n, 2, 0]) / z, (M[n, 0, 1] - u * M[n, 2, 1]) / z
        vx, vy = (M[n, 1, 0] - v * M[n, 2, 0]) / z, (M[n, 1, 1] - v * M[n, 2, 1]) / z
        ud, vd = (m[n, 0] - u * m[n, 2]) / z, (m[n, 1] - v * m[n, 2]) / z
        across = REACH * (abs(ux) + abs(uy)) + 2
        along = REACH * (abs(vx) + abs(vy)) + 2
        if not (across <= u < width - 1 - across and along <= v < height - 1 - along):
            continue
        image = neighbours[n]
        mean, slope, i = np.float32(0), np.float32(0), 0
        for dr in range(-REACH, REACH + 1):
            for dc in range(-REACH, REACH + 1):
                x, y = u + ux * dc + uy * dr, v + vx * dc + vy * dr
                q, p = int(x), int(y)
                s, t = np.float32(x - q), np.float32(y - p)
                i00, i01 = np.float32(image[p, q]), np.float32(image[p, q + 1])
                i10, i11 = np.float32(image[p + 1, q]), np.float32(image[p + 1, q + 1])
                top, bottom = i00 + s * (i01 - i00), i10 + s * (i11 - i10)
                seen[i] = top + t * (bottom - top)
                gx = (i01 - i00) * (1 - t) + (i11 - i10) * t
                slopes[i] = gx * ud + (bottom - top) * vd
                mean += seen[i]
                slope += slopes[i]
                i += 1
        mean /= COUNT
        slope /= COUNT
        both, theirs = np.float32(0), np.float32(0)
        for i in range(COUNT):
            seen[i] -= mean
            both += seen[i] * own[i]
            theirs += seen[i] * seen[i]
        if theirs <= 0 or both <= 0:
            continue
        zncc = both / np.sqrt(theirs * power)
        if zncc < MIN_ZNCC:
            continue
        total += zncc
        good += 1
        gain = both / power
        for i in range(COUNT):
            s = slopes[i] - slope
            g += s * (seen[i] - gain * own[i]) / (gain * gain)
            h += s * s / (gain * gain)
    if good == 0:
        return 0.0, 0.0
    return total / good, (-g / h if h > 0 else 0.0)
