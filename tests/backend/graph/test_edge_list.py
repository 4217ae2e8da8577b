"""Edges keep their order while others go and are exchanged."""

from __future__ import annotations

import numpy as np

from mapper.backend.graph.edge import Edge, EdgeKind
from mapper.backend.graph.edge_list import EdgeList


def edge(i: int) -> Edge:
    return Edge(i, i + 1, np.eye(4), np.eye(7), EdgeKind.LOOP)


def test_one_goes_and_one_takes_its_place_in_order() -> None:
    made = [edge(i) for i in range(5)]
    edges = EdgeList(made)
    edges.discard(made[1])
    other = edge(9)
    edges.exchange(made[3], other)
    edges.append(made[1])
    assert [e.i for e in edges] == [0, 2, 9, 4, 1] and len(edges) == 5
    assert edges[2] is other and edges[-1] is made[1] and [e.i for e in edges[1:3]] == [2, 9]


def test_an_edge_is_itself_and_not_one_like_it() -> None:
    first, like = edge(0), edge(0)
    edges = EdgeList([first])
    assert first in edges and like not in edges
    edges.discard(like)
    assert list(edges) == [first]


def test_edges_are_found_by_their_keyframes() -> None:
    made = [edge(i) for i in range(4)]  # 0-1, 1-2, 2-3, 3-4
    edges = EdgeList(made)
    assert edges.at(1) == [made[0], made[1]] and edges.at(7) == []
    assert [e.i for e in edges.of([1, 2])] == [0, 1, 2]
    edges.discard(made[1])
    other = edge(2)
    edges.exchange(made[2], other)
    assert edges.at(2) == [other] and edges.at(2)[0] is other and edges.at(3)[0] is other
