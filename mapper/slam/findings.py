"""What reader, frontend and watchman have to say of a run, for its metrics."""

from __future__ import annotations

from typing import Any

from mapper.backend.backend import Backend
from mapper.core.camera_noise import CameraNoise
from mapper.core.trajectory import Trajectory
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


def moved(backend: Backend, trajectory: Trajectory) -> dict[str, Any]:
    """What moved while the map was made; nothing where nobody looked. Times in seconds from the
    first placed frame."""
    if backend.config.dynamic == "off" or not len(trajectory):
        return {}
    start = float(trajectory.timestamps[0])
    things = [
        {
            "seen_from_s": thing.seen_from - start,
            "seen_until_s": thing.seen_until - start,
            "gone_by_s": thing.gone_by - start,
            "keyframes": list(thing.keyframes),
            "centre": thing.centre.tolist(),
            "size": thing.size.tolist(),
            "area": thing.area,
        }
        for thing in backend.moving.things
    ]
    return {"moving": {"removed": backend.config.dynamic == "remove", "things": things}}


def reported(frontend: Frontend, guard: Guard) -> dict[str, Any]:
    """What the frontend found out, and what of it was not believed; sentences in frontend_notes."""
    notes, metrics = [], {}
    if isinstance(frontend, ReportingFrontend):
        notes, metrics = frontend.notes(), frontend.metrics()
    return {**metrics, **guard.metrics(), "frontend_notes": [*notes, *guard.notes()]}
