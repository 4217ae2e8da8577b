"""Opens the viewer and the recording of a run."""

from __future__ import annotations

from collections.abc import Callable

from mapper.core.trajectory import Trajectory
from mapper.io.viewer.map_logger import MapLogger, NullLogger
from mapper.request import MapRequest
from mapper.run.directory import RunDirectory


def open_viewer(
    request: MapRequest,
    run: RunDirectory,
    image_every: int,
    truth: Trajectory | None,
    say: Callable[[str], None],
) -> MapLogger:
    """What the request asks to see and to record. say: is told where the web viewer is."""
    if not request.save_recording and request.viewer == "none" and request.connect is None:
        return NullLogger()
    from mapper.io.viewer.rerun_logger import RerunLogger

    show = RerunLogger(
        run.recording if request.save_recording else None,
        request.viewer,
        recording_id=run.path.name,
        ground_truth=truth,
        image_every=image_every,
        connect=request.connect,
    )
    if show.url is not None:
        say(f"viewer: {show.url}")
        say(f"to look from another machine, there first: {show.tunnel}")
    return show
