"""Which keyframes edges join, directly or by way of others."""

from __future__ import annotations


class Parts:
    """root_of: the smallest id of each keyframe's part, which names it."""

    def __init__(self) -> None:
        self.root_of: dict[int, int] = {}
        self._members: dict[int, set[int]] = {}  # by the root

    @property
    def count(self) -> int:
        """How many parts there are."""
        return len(self._members)

    def add(self, keyframe_id: int) -> None:
        """A keyframe that nothing joins to any other."""
        self.root_of[keyframe_id] = keyframe_id
        self._members[keyframe_id] = {keyframe_id}

    def remove(self, keyframe_id: int) -> None:
        """A keyframe goes; the others of its part are joined without it."""
        root = self.root_of[keyframe_id]
        if root == keyframe_id:
            held = sorted(self._members[root])
            raise ValueError(f"keyframe {keyframe_id} holds the world of {held}")
        del self.root_of[keyframe_id]
        self._members[root].remove(keyframe_id)

    def join(self, stays: int, moves: int) -> set[int]:
        """Make the parts of two keyframes one; returns whom the second one held. Its cost is their
        number."""
        root, moving = self.root_of[stays], self._members.pop(self.root_of[moves])
        self.root_of.update(dict.fromkeys(moving, root))
        self._members[root] |= moving
        return moving
