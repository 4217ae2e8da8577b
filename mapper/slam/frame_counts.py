"""What became of the frames of a run, in numbers."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass
class FrameCounts:
    """frames: handed in. lost: not placed by the frontend. skipped: unreadable.

    left_out: tracked, but not in the map, as the backend was behind (live only).
    """

    frames: int = 0
    lost: int = 0
    skipped: int = 0
    left_out: int = 0
