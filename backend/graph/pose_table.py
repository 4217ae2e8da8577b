"""Where the keyframes of a pose graph are: what is asked at every keyframe costs what it finds.

A copy of all poses, or a walk over them in Python, would make a keyframe dearer the more there are.
"""

from __future__ import annotations

from collections.abc import ItemsView, Iterator, Mapping, MutableMapping, ValuesView
from itertools import islice, takewhile
from typing import Final, Self

import numpy as np

FIRST_ROOM: Final = 256  # rows; doubled when they are full


class PoseTable(MutableMapping[int, np.ndarray]):
    """S_world_keyframe (4, 4) by keyframe, in the order in which they came.

    A matrix that was put in must not be changed afterwards: set another. All stand in one array
    besides, so that those near a place are found at one look (10 ns for each keyframe), and the
    table knows which were set last.
    """

    def __init__(self, poses: Mapping[int, np.ndarray] | None = None) -> None:
        self._poses: dict[int, np.ndarray] = {}
        self._row_of: dict[int, int] = {}
        self._ids = np.zeros(FIRST_ROOM, np.int64)
        self._stacked = np.full((FIRST_ROOM, 4, 4), np.nan)  # NaN: of none
        self._rows = 0
        self._set_at: dict[int, int] = {}  # the one that was set last comes last
        self.moment = 0  # how many times a pose was set by now
        self.update(poses or {})

    @classmethod
    def of(cls, poses: Mapping[int, np.ndarray]) -> Self | World:
        """The same poses, where they are not in a table, in one."""
        return poses if isinstance(poses, (cls, World)) else cls(poses)

    def __getitem__(self, keyframe_id: int) -> np.ndarray:
        return self._poses[keyframe_id]

    def __setitem__(self, keyframe_id: int, S_world_keyframe: np.ndarray) -> None:
        self._poses[keyframe_id] = S_world_keyframe
        row = self._row_of.get(keyframe_id)
        if row is None:
            row = self._new_row(keyframe_id)
        self._stacked[row] = S_world_keyframe
        self.moment += 1
        self._set_at.pop(keyframe_id, None)
        self._set_at[keyframe_id] = self.moment

    def __delitem__(self, keyframe_id: int) -> None:
        del self._poses[keyframe_id], self._set_at[keyframe_id]
        self._stacked[self._row_of.pop(keyframe_id)] = np.nan

    def __iter__(self) -> Iterator[int]:
        return iter(self._poses)

    def __len__(self) -> int:
        return len(self._poses)

    def __contains__(self, keyframe_id: object) -> bool:
        return keyframe_id in self._poses

    def items(self) -> ItemsView[int, np.ndarray]:
        """Keyframes and their poses."""
        return self._poses.items()

    def values(self) -> ValuesView[np.ndarray]:
        """The poses."""
        return self._poses.values()

    def near(self, position: np.ndarray, reach: float) -> tuple[np.ndarray, np.ndarray]:
        """(ids (N,), S_world_keyframe (N, 4, 4)) of those less than `reach` from a position."""
        away = self._stacked[: self._rows, :3, 3] - position
        rows = np.flatnonzero(np.einsum("ij,ij->i", away, away) < reach**2)
        return self._ids[rows], self._stacked[rows]

    def newest(self, count: int) -> list[int]:
        """The keyframes that came last, at most so many, in their order."""
        return [*islice(reversed(self._poses), count)][::-1]

    def set_since(self, moment: int) -> list[int]:
        """Keyframes whose poses were set after a moment, the last one first."""
        return [k for k, _ in takewhile(lambda at: at[1] > moment, reversed(self._set_at.items()))]

    def _new_row(self, keyframe_id: int) -> int:
        if self._rows == len(self._ids):
            self._make_room()
        row = self._row_of[keyframe_id] = self._rows
        self._ids[row] = keyframe_id
        self._rows += 1
        return row

    def _make_room(self) -> None:
        """Rows of those that went are given up, and there are twice as many as are needed."""
        kept = list(self._row_of.values())
        room = max(FIRST_ROOM, 2 * len(kept))
        ids, stacked = np.zeros(room, np.int64), np.full((room, 4, 4), np.nan)
        ids[: len(kept)], stacked[: len(kept)] = self._ids[kept], self._stacked[kept]
        self._row_of = {k: row for row, k in enumerate(self._row_of)}
        self._ids, self._stacked, self._rows = ids, stacked, len(kept)


class World(Mapping[int, np.ndarray]):
    """Those of a table's keyframes that one part of the graph holds: a view of it, no copy."""

    def __init__(self, poses: PoseTable, root_of: Mapping[int, int], root: int) -> None:
        """root_of: which part each keyframe belongs to; root: the part."""
        self._poses, self._root_of, self._root = poses, root_of, root

    def __getitem__(self, keyframe_id: int) -> np.ndarray:
        if keyframe_id not in self:
            raise KeyError(keyframe_id)
        return self._poses[keyframe_id]

    def __contains__(self, keyframe_id: object) -> bool:
        return self._root_of.get(keyframe_id) == self._root  # type: ignore[call-overload]

    def __iter__(self) -> Iterator[int]:
        return (k for k in self._poses if k in self)

    def __len__(self) -> int:
        return sum(1 for _ in self)

    def near(self, position: np.ndarray, reach: float) -> tuple[np.ndarray, np.ndarray]:
        """As of a PoseTable."""
        ids, S = self._poses.near(position, reach)
        here = [row for row, k in enumerate(ids.tolist()) if k in self]
        return ids[here], S[here]
