"""What passes from the frontend's thread to the backend's, and what is left out in between."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from mapper.core.frame import Frame
from mapper.core.prediction import Prediction
from mapper.frontends.base import TrackingState
from mapper.slam.checkpoint import Checkpoint


@dataclass(frozen=True, slots=True)
class FrameJob:
    """A frame on its way to the backend; None with what a frontend had held back."""

    frame: Frame | None
    predictions: list[Prediction]
    state: TrackingState
    values: dict[str, float]
    checkpoint: Checkpoint = field(default_factory=Checkpoint)


def least_missed(jobs: Sequence[FrameJob]) -> int:
    """Which waiting job to leave out: one whose neighbours, of its own segment, are the closest.

    Frames without a prediction go first. The first job, and the last, which is new, stay. Where
    all are borders of segments, as with a camera that comes and goes, the oldest is left out.
    """
    gaps = {}
    for position in range(1, len(jobs) - 1):
        before, job, after = jobs[position - 1 : position + 2]
        if (
            job.frame is None
            or len({p.segment for j in (before, job, after) for p in j.predictions}) > 1
        ):
            continue
        gaps[position] = _gap(before, after) if job.predictions else 0
    return min(gaps, key=gaps.__getitem__, default=0)


def _gap(before: FrameJob, after: FrameJob) -> int:
    """How many frames lie between two jobs."""
    if before.frame is None or after.frame is None:
        return 1
    return after.frame.index - before.frame.index
