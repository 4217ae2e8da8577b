"""Where a Rerun recording goes: to a file, to a window, to a browser."""

from __future__ import annotations

import logging
import os
import shutil
import socket
import sys
from pathlib import Path
from typing import Final, Literal
from urllib.parse import quote

import rerun as rr

from mapper.errors import OutputError
from mapper.io.rerun_blueprint import map_blueprint

logger = logging.getLogger(__name__)

Viewer = Literal["none", "window", "web"]

LOCALHOST: Final = "127.0.0.1"  # a server that others should reach is a matter for ssh -L
GRPC_PORT: Final = 9876
WEB_PORT: Final = 9090
FLUSH_TIMEOUT_S: Final = 30.0
MIN_FREE_BYTES: Final = 64 << 20  # well above what is under way to the file


def open_sinks(recording: rr.RecordingStream, path: Path | None, viewer: Viewer) -> str | None:
    """Sends the recording to the file and the viewer; returns the web viewer's address, or None.

    A window that cannot be opened costs a warning where there is a file, else an OutputError.
    """
    sinks: list[rr.FileSink | rr.GrpcSink | rr.GrpcServerSink] = []
    url = None
    if viewer == "web":
        server = rr.GrpcServerSink(LOCALHOST, free_port(GRPC_PORT))
        sinks.append(server)
        url = _serve_web_viewer(server.uri)
    elif viewer == "window":
        sinks += _window_sinks(recording, path)
    if path is not None:
        path.parent.mkdir(parents=True, exist_ok=True)
        sinks.append(rr.FileSink(path))
    try:
        recording.set_sinks(*sinks, default_blueprint=map_blueprint())
    except (RuntimeError, OSError) as error:
        raise OutputError(
            f"{path or viewer}: cannot start the recording ({error}); "
            "check that the folder is writable and the disk is not full"
        ) from error
    return url


def check_space(path: Path | None) -> None:
    """OutputError where the disk is all but full: Rerun's writer would die without a word."""
    if path is not None and shutil.disk_usage(path.parent).free < MIN_FREE_BYTES:
        raise OutputError(
            f"{path}: the disk is full; what was mapped so far is kept: free some space, then "
            "carry on with --resume"
        )


def finish(recording: rr.RecordingStream, path: Path | None) -> None:
    """Writes what is pending and closes file and viewer; OutputError where that fails."""
    try:
        recording.flush(timeout_sec=FLUSH_TIMEOUT_S)
    except (RuntimeError, OSError) as error:
        raise OutputError(
            f"{path or 'viewer'}: the end of the recording could not be written ({error}); "
            "is the disk full?"
        ) from error
    recording.disconnect()


def _serve_web_viewer(data_uri: str) -> str:
    port = free_port(WEB_PORT)
    try:
        rr.serve_web_viewer(web_port=port, open_browser=False)
    except (RuntimeError, OSError) as error:
        raise OutputError(f"the web viewer cannot be served on port {port}: {error}") from error
    return f"http://{LOCALHOST}:{port}/?url={quote(data_uri, safe='')}"


def _window_sinks(recording: rr.RecordingStream, path: Path | None) -> list[rr.GrpcSink]:
    """The sink of a newly started native viewer; nothing where none can be started."""
    try:
        if not has_display():
            raise RuntimeError("no display: neither DISPLAY nor WAYLAND_DISPLAY is set")
        port = free_port(GRPC_PORT)
        rr.spawn(
            port=port,
            connect=False,
            hide_welcome_screen=True,
            executable_path=_viewer_executable(),
            recording=recording,
        )
    except (RuntimeError, OSError) as error:
        message = f"no viewer window ({error}); use the web viewer, or open the .rrd file later"
        if path is None:
            raise OutputError(message) from error
        logger.warning("%s", message)
        return []
    return [rr.GrpcSink(f"rerun+http://{LOCALHOST}:{port}/proxy")]


def has_display() -> bool:
    if not sys.platform.startswith("linux"):
        return True
    return bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))


def _viewer_executable() -> str | None:
    """The viewer beside this interpreter: its version fits, and the PATH may not hold it."""
    name = "rerun.exe" if sys.platform == "win32" else "rerun"
    beside = Path(sys.executable).parent / name
    return str(beside) if beside.exists() else None


def free_port(preferred: int) -> int:
    """The preferred port, or another one where that is taken."""
    for port in (preferred, 0):
        with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((LOCALHOST, port))
            except OSError:
                continue
            return int(probe.getsockname()[1])
    raise OutputError(f"no free network port for the viewer (tried {preferred} and any other)")
