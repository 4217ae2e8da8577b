"""Plane sweep: what each inverse depth of a pixel costs, by census in several neighbours.

Source of the census: Zabih and Woodfill, ECCV 1994; of the aggregation: Hirschmueller, "Stereo
processing by semiglobal matching and mutual information", PAMI 2008.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from mapper.runtime.kernels import kernel

if TYPE_CHECKING:
    from jaxtyping import Float32, Float64, UInt8, UInt16, UInt64

ACROSS, ALONG = 4, 3  # 9x7 pixels, 62 comparisons
UNSEEN = 31  # what a plane costs that fewer than two neighbours see: half of the bits
SMALL_STEP: Final = 6  # to the next plane
LARGE_STEP: Final = 60  # further, where the image is even
EDGE: Final = 8.0  # grey levels that halve it


def census(grey: UInt8[np.ndarray, "h w"]) -> UInt64[np.ndarray, "h w"]:
    """Which of its surroundings are brighter than a pixel, a bit each."""
    return _census(grey)


def costs(
    reference: UInt64[np.ndarray, "h w"],
    neighbours: UInt64[np.ndarray, "n h w"],
    M: Float64[np.ndarray, "n 3 3"],
    m: Float64[np.ndarray, "n 3"],
    inverses: Float64[np.ndarray, " d"],
) -> UInt8[np.ndarray, "h w d"]:
    """Mean of the best three neighbours' distances, 0..62. M, m: of view.between; all (N, ...)."""
    return _costs(reference, neighbours, M, m, inverses)


def aggregated(
    cost: UInt8[np.ndarray, "h w d"], grey: UInt8[np.ndarray, "h w"]
) -> UInt16[np.ndarray, "h w d"]:
    """Sums over eight paths, along which neighbours want the same plane."""
    total = np.zeros(cost.shape, np.uint16)
    levels = np.arange(256)
    large = np.maximum(LARGE_STEP / (1 + levels / EDGE), SMALL_STEP + 1).astype(np.int32)
    for dy, dx in ((0, 1), (0, -1), (1, 0), (-1, 0), (1, 1), (1, -1), (-1, 1), (-1, -1)):
        _path(cost, grey, large, SMALL_STEP, dy, dx, total)
    return total


def best_inverse(
    total: UInt16[np.ndarray, "h w d"], inverses: Float64[np.ndarray, " d"]
) -> Float32[np.ndarray, "h w"]:
    """The cheapest inverse depth, between planes by a parabola."""
    return _best(total, float(inverses[0]), float(inverses[1] - inverses[0]))


@kernel()
def _census(grey):
    height, width = grey.shape
    bits = np.zeros((height, width), np.uint64)
    for r in range(height):
        for c in range(width):
            here = grey[r, c]
            word = np.uint64(0)
            for dr in range(-ALONG, ALONG + 1):
                for dc in range(-ACROSS, ACROSS + 1):
                    if dr == 0 and dc == 0:
                        continue
                    y = min(max(r + dr, 0), height - 1)
                    x = min(max(c + dc, 0), width - 1)
                    word = (word << np.uint64(1)) | np.uint64(grey[y, x] > here)
            bits[r, c] = word
    return bits


@kernel(inline="always")
def _ones(word):
    """How many bits are set."""
    w = word - ((word >> np.uint64(1)) & np.uint64(0x5555555555555555))
    w = (w & np.uint64(0x3333333333333333)) + ((w >> np.uint64(2)) & np.uint64(0x3333333333333333))
    w = (w + (w >> np.uint64(4))) & np.uint64(0x0F0F0F0F0F0F0F0F)
    return (w * np.uint64(0x0101010101010101)) >> np.uint64(56)


@kernel()
def _costs(reference, neighbours, M, m, inverses):
    height, width = reference.shape
    count, planes = len(neighbours), len(inverses)
    cost = np.empty((height, width, planes), np.uint8)
    first = np.empty(planes, np.int32)
    second = np.empty(planes, np.int32)
    third = np.empty(planes, np.int32)
    for r in range(height):
        for c in range(width):
            first[:] = 999
            second[:] = 999
            third[:] = 999
            for n in range(count):
                a = M[n, 0, 0] * c + M[n, 0, 1] * r + M[n, 0, 2]
                b = M[n, 1, 0] * c + M[n, 1, 1] * r + M[n, 1, 2]
                e = M[n, 2, 0] * c + M[n, 2, 1] * r + M[n, 2, 2]
                for k in range(planes):
                    z = e + m[n, 2] * inverses[k]
                    if z <= 1e-6:
                        continue
                    u = int(np.floor((a + m[n, 0] * inverses[k]) / z + 0.5))
                    v = int(np.floor((b + m[n, 1] * inverses[k]) / z + 0.5))
                    if u < 0 or v < 0 or u >= width or v >= height:
                        continue
                    distance = np.int32(_ones(reference[r, c] ^ neighbours[n, v, u]))
                    if distance < first[k]:
                        third[k] = second[k]
                        second[k] = first[k]
                        first[k] = distance
                    elif distance < second[k]:
                        third[k] = second[k]
                        second[k] = distance
                    elif distance < third[k]:
                        third[k] = distance
            for k in range(planes):
                if third[k] < 999:
                    cost[r, c, k] = (first[k] + second[k] + third[k]) // 3
                elif second[k] < 999:
                    cost[r, c, k] = (first[k] + second[k]) // 2
                else:
                    cost[r, c, k] = UNSEEN
    return cost


@kernel()
def _path(cost, grey, large, small, dy, dx, total):
    """Add to `total` what one direction says; rows are gone through against its order."""
    height, width, planes = cost.shape
    before = np.zeros((width, planes), np.int32)  # of the row before, or of the pixel beside
    now = np.zeros((width, planes), np.int32)
    least_before, least_now = np.zeros(width, np.int32), np.zeros(width, np.int32)
    for i in range(height):
        r = i if dy >= 0 else height - 1 - i
        for j in range(width):
            c = j if dx >= 0 else width - 1 - j
            pr, pc = r - dy, c - dx
            if pr < 0 or pr >= height or pc < 0 or pc >= width:
                least = np.int32(9999)
                for k in range(planes):
                    now[c, k] = cost[r, c, k]
                    least = min(least, now[c, k])
            else:
                source = now if dy == 0 else before
                low = least_now[pc] if dy == 0 else least_before[pc]
                far = low + large[abs(np.int32(grey[r, c]) - np.int32(grey[pr, pc]))]
                least = _step(cost[r, c], source[pc], far, low, small, now[c])
            least_now[c] = least
            for k in range(planes):
                total[r, c, k] += np.uint16(now[c, k])
        before, now = now, before
        least_before, least_now = least_now, least_before


@kernel()
def _step(cost, source, far, low, small, out):
    """Costs along a path at a pixel, from those at the one before it; the least of them."""
    planes = len(cost)
    out[0] = cost[0] + min(min(source[0], source[1] + small), far) - low
    for k in range(1, planes - 1):
        beside = min(source[k - 1], source[k + 1]) + small
        out[k] = cost[k] + min(min(source[k], beside), far) - low
    last = planes - 1
    out[last] = cost[last] + min(min(source[last], source[last - 1] + small), far) - low
    least = out[0]
    for k in range(1, planes):
        least = min(least, out[k])
    return least


@kernel()
def _best(total, first, step):
    height, width, planes = total.shape
    inverse = np.empty((height, width), np.float32)
    for r in range(height):
        for c in range(width):
            k = 0
            for j in range(1, planes):
                if total[r, c, j] < total[r, c, k]:
                    k = j
            place = float(k)
            if 0 < k < planes - 1:
                a, b = float(total[r, c, k - 1]), float(total[r, c, k])
                d = float(total[r, c, k + 1])
                curve = a - 2 * b + d
                if curve > 0:
                    place += 0.5 * (a - d) / curve
            inverse[r, c] = first + step * place
    return inverse
