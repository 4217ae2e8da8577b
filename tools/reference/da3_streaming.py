"""What DA3-Streaming does to close loops, for comparison: our backend closes them instead."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from mapper.core.sim3 import exp_sim3, inverse_similarity, log_sim3
from mapper.frontends.da3.chunks.alignment import Similarity

STEP = 1e-6  # of a numerical derivative
ITERATIONS = 200
Candidate = Sequence[float]  # frame, frame, similarity


def kept_pairs(candidates: Sequence[Candidate], reach: int) -> list[list[float]]:
    """Pairs of frames (later, earlier, likeness), the likest first; each suppresses those near."""
    suppressed: set[int] = set()
    kept = []
    for a, b, likeness in sorted(candidates, key=lambda c: -c[2]):
        i, j = sorted((int(a), int(b)))
        if {i, j} & suppressed:
            continue
        suppressed |= {*range(i - reach, min(i + reach + 1, j))}
        suppressed |= {*range(max(i + 1, j - reach), j + reach + 1)}
        kept.append([j, i, likeness])
    return kept


def loop_ranges(
    chunks: Sequence[Sequence[int]], pairs: Sequence[Sequence[int]], half: int
) -> list[list[object]]:
    """[chunk, frames, chunk, frames] around each pair, within the chunks' borders."""
    found: list[list[object]] = []
    for pair in pairs:
        sides: list[object] = []
        for frame in pair:
            inside = [k for k, (start, end) in enumerate(chunks) if start <= frame < end]
            if not inside:
                break
            start, end = chunks[inside[-1]]
            first = max(start, min(frame - half, end - 2 * half))
            sides += [inside[-1], [first, min(first + 2 * half, end)]]
        if len(sides) == 4 and sides[0] != sides[2]:
            found.append(sides)
    return found


def without_duplicates(ranges: Sequence[list[object]]) -> list[list[object]]:
    """One of each pair of chunks, the first."""
    first: dict[tuple[object, object], list[object]] = {}
    for row in ranges:
        first.setdefault((row[0], row[2]), row)
    return list(first.values())


def optimised(
    sequential: Sequence[Similarity], loops: Sequence[tuple[Sequence[int], Similarity]]
) -> list[Similarity]:
    """Neighbours' transforms (k + 1 to k) at the minimum of all residuals, unweighted.

    loops: (a, b) and the transform from a to b.
    """
    along = [np.eye(4)]
    for each in sequential:
        along.append(along[-1] @ matrix(each))
    nodes = [inverse_similarity(S) for S in along]
    edges = [(k + 1, k, matrix(each)) for k, each in enumerate(sequential)]
    edges += [(int(a), int(b), matrix(S)) for (a, b), S in loops]
    damping = 1e-6
    cost, r, J = linearised(nodes, edges)
    for _ in range(ITERATIONS):
        H = J.T @ J
        step = np.linalg.lstsq(H + damping * np.diag(np.diag(H)), -J.T @ r, rcond=None)[0]
        tried = [S @ exp_sim3(xi) for S, xi in zip(nodes, step.reshape(-1, 7), strict=True)]
        after = linearised(tried, edges)
        if after[0] < cost:
            nodes, (cost, r, J), damping = tried, after, damping / 2
        else:
            damping *= 2
    return [
        similarity_of_matrix(nodes[k] @ inverse_similarity(nodes[k + 1]))
        for k in range(len(sequential))
    ]


def linearised(
    nodes: Sequence[np.ndarray], edges: Sequence[tuple[int, int, np.ndarray]]
) -> tuple[float, np.ndarray, np.ndarray]:
    """(cost, residuals, derivatives); node k is the inverse of the chunk's transform."""
    r = np.zeros(7 * len(edges))
    J = np.zeros((len(r), 7 * len(nodes)))
    for row, (i, j, C) in enumerate(edges):
        at = slice(7 * row, 7 * row + 7)
        r[at] = residual(nodes[i], nodes[j], C)
        for node, side in ((i, 0), (j, 1)):
            for axis in range(7):
                xi = np.zeros(7)
                xi[axis] = STEP
                moved = [nodes[i], nodes[j]]
                moved[side] = moved[side] @ exp_sim3(xi)
                J[at, 7 * node + axis] = (residual(moved[0], moved[1], C) - r[at]) / STEP
    return float(r @ r), r, J


def residual(node_i: np.ndarray, node_j: np.ndarray, C: np.ndarray) -> np.ndarray:
    return log_sim3(C @ node_i @ inverse_similarity(node_j))


def matrix(S: Similarity) -> np.ndarray:
    result = np.eye(4)
    result[:3, :3], result[:3, 3] = S.scale * S.R, S.t
    return result


def similarity_of_matrix(S: np.ndarray) -> Similarity:
    scale = float(np.linalg.norm(S[:3, 0]))
    return Similarity(scale, S[:3, :3] / scale, S[:3, 3])
