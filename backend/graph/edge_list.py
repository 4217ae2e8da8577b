"""The edges of a pose graph in their order, of which any one goes or is exchanged at once."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import overload

from mapper.backend.graph.edge import Edge


class EdgeList(Sequence[Edge]):
    """Each edge is itself and not what it is equal to. What is asked by index is counted out."""

    def __init__(self, edges: Iterable[Edge] = ()) -> None:
        self._edges: dict[int, Edge] = {}  # by when they came
        self._number: dict[int, int] = {}  # by the edge's id()
        self._at: dict[int, list[Edge]] = {}  # by each of their keyframes
        self._next = 0
        for edge in edges:
            self.append(edge)

    def __len__(self) -> int:
        return len(self._edges)

    def __iter__(self) -> Iterator[Edge]:
        return iter(self._edges.values())

    def __contains__(self, edge: object) -> bool:
        return id(edge) in self._number

    @overload
    def __getitem__(self, index: int) -> Edge: ...
    @overload
    def __getitem__(self, index: slice) -> list[Edge]: ...
    def __getitem__(self, index: int | slice) -> Edge | list[Edge]:
        return list(self)[index]

    def append(self, edge: Edge) -> None:
        """Take an edge that is not in it."""
        self._edges[self._next] = edge
        self._number[id(edge)] = self._next
        self._next += 1
        for keyframe_id in (edge.i, edge.j):
            self._at.setdefault(keyframe_id, []).append(edge)

    def exchange(self, old: Edge, new: Edge) -> None:
        """Take an edge between the same keyframes in another's place."""
        number = self._number.pop(id(old))
        self._edges[number] = new
        self._number[id(new)] = number
        for keyframe_id in (old.i, old.j):
            self._at[keyframe_id] = [new if e is old else e for e in self._at[keyframe_id]]

    def discard(self, edge: Edge) -> None:
        """Let go of an edge, if it is in it."""
        number = self._number.pop(id(edge), None)
        if number is None:
            return
        del self._edges[number]
        for keyframe_id in (edge.i, edge.j):
            kept = [e for e in self._at.pop(keyframe_id) if e is not edge]
            if kept:
                self._at[keyframe_id] = kept

    def at(self, keyframe_id: int) -> list[Edge]:
        """Those of one keyframe."""
        return list(self._at.get(keyframe_id, ()))

    def of(self, keyframe_ids: Iterable[int]) -> list[Edge]:
        """Those of any of some keyframes, each once."""
        return list({id(e): e for k in keyframe_ids for e in self._at.get(k, ())}.values())
