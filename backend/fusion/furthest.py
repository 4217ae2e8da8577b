"""Which keyframe is furthest from where it should be, of any number of them."""

from __future__ import annotations

import heapq


class Furthest:
    """A heap whose outdated entries are passed over when they come up."""

    def __init__(self) -> None:
        self._distances: dict[int, float] = {}
        self._heap: list[tuple[float, int]] = []  # the furthest first; of equals the newest

    def __len__(self) -> int:
        return len(self._distances)

    def note(self, keyframe_id: int, distance: float) -> None:
        """How far a keyframe is off now; 0: not at all."""
        if distance == 0.0:
            self.forget(keyframe_id)
        elif self._distances.get(keyframe_id) != distance:
            self._distances[keyframe_id] = distance
            heapq.heappush(self._heap, (-distance, -keyframe_id))
            if len(self._heap) > 2 * len(self._distances) + 64:
                self._heap = [(-off, -k) for k, off in self._distances.items()]
                heapq.heapify(self._heap)

    def forget(self, keyframe_id: int) -> None:
        """It is not to be asked for any more."""
        self._distances.pop(keyframe_id, None)

    def pop(self) -> int:
        """The keyframe that is furthest off, which is then forgotten; there must be one."""
        while True:
            distance, keyframe_id = heapq.heappop(self._heap)
            if self._distances.get(-keyframe_id) == -distance:
                del self._distances[-keyframe_id]
                return -keyframe_id
