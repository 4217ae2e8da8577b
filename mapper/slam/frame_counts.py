"""What became of the frames of a run, in numbers."""

from __future__ import annotations

from dataclasses import dataclass

from mapper.frontends.base import Frontend, RecoveringFrontend, TrackingState


@dataclass
class FrameCounts:
    """frames: handed in. lost: not placed by the frontend. skipped: unreadable.

    left_out: tracked, but not in the map, as the backend was behind (live only). apart: in parts of
    the map that nothing sure joins to the one that is handed out.
    """

    frames: int = 0
    lost: int = 0
    skipped: int = 0
    left_out: int = 0
    apart: int = 0

    def stepped(self, frontend: Frontend) -> None:
        """A frame more, and what became of it."""
        self.frames += 1
        self.lost += frontend.state == TrackingState.LOST
        self.recover(frontend)

    def recover(self, frontend: Frontend) -> None:
        """Of its last answer, the frames that had been lost."""
        if isinstance(frontend, RecoveringFrontend):
            self.lost -= frontend.recovered
