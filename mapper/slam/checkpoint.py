"""What it takes to step a frame again in a new process."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any

from mapper.frontends.base import FrontendMemory
from mapper.slam.frame_counts import FrameCounts


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """How things stood just before a frame was stepped. memory: of the frontend; None: it forgets.
    watchman: what the watchman must know.

    Only in the backend's thread, frames later, does it show which frames open keyframes. So one is
    made for every frame where the frontend is at work, and those few are written down where the
    keyframe opens. That is right because nothing in it changes any more: the counts are a copy,
    and a frontend replaces what its memory refers to.
    """

    counts: FrameCounts = field(default_factory=FrameCounts)
    memory: FrontendMemory | None = None
    watchman: dict[str, Any] = field(default_factory=dict)

    def note(self) -> dict[str, Any]:
        """As plain JSON values."""
        memory = None if self.memory is None else self.memory.note()
        counts = asdict(self.counts)
        return {"counts": counts, "frontend": memory, "watchman": self.watchman}
