"""Where a recording draws each keyframe."""

from __future__ import annotations

from collections import deque
from typing import Final

SPARE: Final = 2  # free names before one is used again: what was drawn under it is long cleared


class KeyframeEntities:
    """Names of entities. That of a keyframe that is gone is given to a later one: a recording, and
    every viewer of it, remembers each name for good."""

    def __init__(self) -> None:
        self._names: dict[int, str] = {}
        self._free: deque[str] = deque()

    def of(self, keyframe_id: int) -> str:
        """Its name, under which nothing else is drawn now."""
        if keyframe_id not in self._names:
            again = len(self._free) >= SPARE
            new = f"world/keyframes/{keyframe_id:06d}"
            self._names[keyframe_id] = self._free.popleft() if again else new
        return self._names[keyframe_id]

    def release(self, keyframe_id: int) -> str:
        """The name of a keyframe that is gone; it is to be cleared."""
        name = self._names.pop(keyframe_id)
        self._free.append(name)
        return name
