"""Which keyframes a solve has to hold, so that nothing floats."""

from __future__ import annotations

from collections.abc import Collection, Iterable

import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from mapper.backend.graph.edge import Edge


def anchors(poses: Iterable[int], edges: Collection[Edge], held: Iterable[int] = ()) -> list[int]:
    """The first keyframe of each part that the given edges hold together and nothing holds.

    Edges that were dropped may have been all that held two parts together.
    """
    ids = sorted(poses)
    row_of = {keyframe_id: row for row, keyframe_id in enumerate(ids)}
    pairs = np.array([(row_of[e.i], row_of[e.j]) for e in edges]).reshape(-1, 2)
    links = coo_array((np.ones(len(pairs)), tuple(pairs.T)), (len(ids), len(ids)))
    _, labels = connected_components(links, directed=False)
    labels_held = {labels[row_of[k]] for k in held}
    first = zip(*np.unique(labels, return_index=True), strict=True)
    return [ids[row] for label, row in first if label not in labels_held]
