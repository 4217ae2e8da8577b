"""What reader, frontend and watchman have to say of a run, for its metrics."""

from __future__ import annotations

from typing import Any

from mapper.core.camera_noise import CameraNoise
from mapper.frontends.base import Frontend, ReportingFrontend
from mapper.io.sequences.bounded import BoundedSequence
from mapper.watchman.guard import Guard


def found(sequence: BoundedSequence) -> dict[str, Any]:
    """What the reader has to say.

    without_depth: colour images that are no frames for want of depth; coverage counts them.
    """
    return {
        "input_notes": list(sequence.notes),
        "without_depth": len(sequence.lonely_times),
        "original_size": sequence.original,
        **camera_metrics(sequence.camera),
    }


def camera_metrics(camera: CameraNoise | None) -> dict[str, Any]:
    """What the depth was taken for; nothing where there is none."""
    return {} if camera is None else {"depth_camera": camera.as_metrics}


def reported(frontend: Frontend, guard: Guard) -> dict[str, Any]:
    """What the frontend found out, and what of it was not believed; sentences in frontend_notes."""
    notes, metrics = [], {}
    if isinstance(frontend, ReportingFrontend):
        notes, metrics = frontend.notes(), frontend.metrics()
    return {**metrics, **guard.metrics(), "frontend_notes": [*notes, *guard.notes()]}
