"""Parts a map's keyframes into those that agree with most and those that these contradict."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Final

import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.linalg import eigsh

Pair = tuple[int, int]
BRIDGED: Final = 2  # keyframes in a row that nothing contradicts, amid others that are doubted
BOTH: Final = 1e-6  # of an eigenvector of length 1: so little says nothing of the side
SMALL: Final = 40  # keyframes up to which a dense solver is the simpler and the faster one


def doubted_keyframes(
    ids: Sequence[int], agreeing: Sequence[Pair], contradicting: Sequence[Pair]
) -> set[int]:
    """The fewest keyframes, about, without which nothing is contradicted.

    Two sides are sought first such that pairs agree within and contradict across: the signs of the
    leading eigenvector of the signed graph (Kunegis et al., SDM 2010). The smaller side is
    doubted, of equal ones the later. What is contradicted still goes one by one, the most
    contradicted first.
    """
    if not contradicting:
        return set()
    side = _smaller_side(ids, agreeing, contradicting)
    left = [pair for pair in contradicting if side.isdisjoint(pair)]
    while left:
        counts: dict[int, int] = {}
        for keyframe_id in (k for pair in left for k in pair):
            counts[keyframe_id] = counts.get(keyframe_id, 0) + 1
        worst = max(counts, key=lambda k: (counts[k], k))
        side.add(worst)
        left = [pair for pair in left if worst not in pair]
    return side


def stretches(ids: Sequence[int], doubted: Collection[int]) -> list[list[int]]:
    """The doubted ones in runs of time, each with what lies in between. ids: all, in order."""
    rows = [row for row, keyframe_id in enumerate(ids) if keyframe_id in doubted]
    runs: list[list[int]] = []
    for row in rows:
        if runs and row - runs[-1][1] <= BRIDGED + 1:
            runs[-1][1] = row
        else:
            runs.append([row, row])
    return [list(ids[first : last + 1]) for first, last in runs]


def _smaller_side(
    ids: Sequence[int], agreeing: Sequence[Pair], contradicting: Sequence[Pair]
) -> set[int]:
    """Those that no pair ties to the others are on no side."""
    row_of = {keyframe_id: row for row, keyframe_id in enumerate(ids)}
    pairs = [*agreeing, *contradicting]
    rows = np.array([(row_of[i], row_of[j]) for i, j in pairs]).reshape(-1, 2)
    signs = np.repeat([1.0, -1.0], [len(agreeing), len(contradicting)])
    ends = np.concatenate([rows, rows[:, ::-1]])
    signed = coo_array((np.tile(signs, 2), tuple(ends.T)), (len(ids), len(ids))).tocsr()
    if len(ids) <= SMALL:
        leading = np.linalg.eigh(signed.toarray())[1][:, -1]
    else:
        leading = eigsh(signed, k=1, which="LA", v0=np.ones(len(ids)))[1][:, 0]
    sides = np.flatnonzero(leading < -BOTH), np.flatnonzero(leading > BOTH)
    smaller = min(sides, key=lambda side: (len(side), -side.sum()))
    return {ids[int(row)] for row in smaller}
