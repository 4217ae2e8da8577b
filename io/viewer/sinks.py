"""Where a Rerun recording goes: to a file, to a window, to a browser."""

from __future__ import annotations

import logging
import os
import shutil
import socket
import subprocess
import sys
import uuid
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final, Literal
from urllib.parse import quote, urlsplit

import rerun as rr

from mapper.errors import OutputError
from mapper.io.viewer.blueprint import map_blueprint
from mapper.io.viewer.viewer_process import LOCALHOST, answers, end_page, serve_page, start_viewer

logger = logging.getLogger(__name__)

Viewer = Literal["none", "window", "web"]

GRPC_PORT: Final = 9876
WEB_PORT: Final = 9090
FLUSH_TIMEOUT_S: Final = 30.0
VIEWER_TIMEOUT_S: Final = 5.0
CONNECT_TIMEOUT_S: Final = 3.0
# So much a SIGKILL takes with it. Larger batches would make a smaller file, but wait in memory.
FILE_BATCHES: Final = rr.ChunkBatcherConfig(flush_tick=1.0)
MIN_FREE_BYTES: Final = 64 << 20  # well above what is under way to the file


@dataclass(frozen=True, slots=True)
class Destinations:
    """Where a recording goes. path: file. viewer: to start. connect: address of a viewer that
    runs already, such as rerun+http://127.0.0.1:9876/proxy. Any may be left out.
    """

    path: Path | None = None
    viewer: Viewer = "none"
    connect: str | None = None

    @property
    def has_viewer(self) -> bool:
        """Whether somebody may be looking."""
        return self.viewer != "none" or self.connect is not None


@dataclass(frozen=True, slots=True)
class Outlets:
    """The streams that are logged to: one for the file and one for the viewers.

    They are two, as a stream whose viewer has gone loses the end of its file with it.

    url: of the web viewer. tunnel: what makes it reachable from another machine, for ssh.
    window: the process of the native viewer. page: the one that serves the web viewer. None where
    there is none of these.
    """

    streams: tuple[rr.RecordingStream, ...]
    url: str | None = None
    tunnel: str | None = None
    window: subprocess.Popen[bytes] | None = None
    page: subprocess.Popen[bytes] | None = None

    @property
    def was_closed(self) -> bool:
        """Whether a window was opened and closed. Of a browser's tab nobody is told.

        A viewer that failed ends with another code than 0: that is no wish to stop.
        """
        return self.window is not None and self.window.poll() == 0


Sink = rr.FileSink | rr.GrpcSink | rr.GrpcServerSink


def open_outlets(application_id: str, recording_id: str | None, to: Destinations) -> Outlets:
    """Streams to the file and to the viewers.

    A window that cannot be opened costs a warning where there is a file, else an OutputError.
    """
    viewers: list[Sink] = []
    outlets = Outlets(())
    if to.viewer == "web":
        outlets, sink = _serve_web_viewer()
        viewers.append(sink)
    elif to.viewer == "window":
        outlets, window_sinks = _open_window(to.path)
        viewers += window_sinks
    if to.connect is not None:
        viewers.append(_connected(to.connect))
    recording_id = recording_id or str(uuid.uuid4())
    streams = [_stream(application_id, recording_id, viewers)] if viewers else []
    if to.path is not None:
        streams.insert(0, _file_stream(application_id, recording_id, to.path))
    return replace(outlets, streams=tuple(streams))


def _file_stream(application_id: str, recording_id: str, path: Path) -> rr.RecordingStream:
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        # A footer would keep a note of every chunk in memory for as long as a live run lasts.
        sink = rr.FileSink(path, write_footer=False)
        return _stream(application_id, recording_id, [sink], FILE_BATCHES)
    except (RuntimeError, OSError) as error:
        raise OutputError(
            f"{path}: cannot start the recording ({error}); "
            "check that the folder is writable and the disk is not full"
        ) from error


def _stream(
    application_id: str,
    recording_id: str,
    sinks: list[Sink],
    batches: rr.ChunkBatcherConfig | None = None,
) -> rr.RecordingStream:
    stream = rr.RecordingStream(application_id, recording_id=recording_id, batcher_config=batches)
    stream.set_log_time_enabled(False)
    stream.set_log_tick_enabled(False)
    stream.set_sinks(*sinks, default_blueprint=map_blueprint())
    return stream


def check_space(path: Path | None) -> None:
    """OutputError where the disk is all but full: Rerun's writer would die without a word."""
    if path is not None and shutil.disk_usage(path.parent).free < MIN_FREE_BYTES:
        raise OutputError(
            f"{path}: the disk is full; what was mapped so far is kept: free some space, then "
            "carry on with --resume"
        )


def finish(outlets: Outlets, path: Path | None) -> None:
    """Writes what is pending and closes file and viewer; OutputError where the file fails."""
    try:
        _end_streams(outlets, path)
    finally:
        if outlets.page is not None:
            end_page(outlets.page)


def _end_streams(outlets: Outlets, path: Path | None) -> None:
    for stream in outlets.streams:
        is_file = path is not None and stream is outlets.streams[0]
        try:
            stream.flush(timeout_sec=FLUSH_TIMEOUT_S if is_file else VIEWER_TIMEOUT_S)
        except (RuntimeError, OSError) as error:
            if is_file:
                raise OutputError(
                    f"{path}: the end of the recording could not be written ({error}); "
                    "is the disk full?"
                ) from error
            logger.warning("the viewer has gone and does not see the end")
        stream.disconnect()


def _connected(address: str) -> rr.GrpcSink:
    form = f"rerun+http://{LOCALHOST}:{GRPC_PORT}/proxy"
    parts = urlsplit(address)
    if not (parts.scheme.startswith("rerun") and parts.hostname and parts.port):
        raise OutputError(f"--connect {address}: no address of a viewer; give one like {form}")
    try:
        socket.create_connection((parts.hostname, parts.port), CONNECT_TIMEOUT_S).close()
    except OSError as error:
        raise OutputError(
            f"--connect {address}: no viewer answers ({error.strerror or error}); start one there "
            "with: rerun"
        ) from error
    return rr.GrpcSink(address)


def _serve_web_viewer() -> tuple[Outlets, rr.GrpcServerSink]:
    web, grpc = free_port(WEB_PORT), free_port(GRPC_PORT)
    server = rr.GrpcServerSink(LOCALHOST, grpc)
    page = serve_page(web, server.uri)
    if not answers(page, web):
        end_page(page)
        raise OutputError(f"the web viewer does not start on port {web}; see the lines above")
    url = f"http://{LOCALHOST}:{web}/?url={quote(server.uri, safe='')}"
    return Outlets((), url, tunnel(web, grpc), page=page), server


def tunnel(*ports: int) -> str:
    """The command that makes the web viewer's ports reachable from another machine."""
    forwards = " ".join(f"-L {port}:{LOCALHOST}:{port}" for port in ports)
    return f"ssh {forwards} THIS-MACHINE"


def _open_window(path: Path | None) -> tuple[Outlets, list[rr.GrpcSink]]:
    """A newly started native viewer and its sink; nothing where none can be started."""
    try:
        if not has_display():
            raise RuntimeError("no display: neither DISPLAY nor WAYLAND_DISPLAY is set")
        port = free_port(GRPC_PORT)
        window = start_viewer(  # which stays when Ctrl-C ends the mapping
            "--port", str(port), "--hide-welcome-screen", "--expect-data-soon"
        )
    except (RuntimeError, OSError) as error:
        message = f"no viewer window ({error}); use the web viewer, or open the .rrd file later"
        if path is None:
            raise OutputError(message) from error
        logger.warning("%s", message)
        return Outlets(()), []
    sink = rr.GrpcSink(f"rerun+http://{LOCALHOST}:{port}/proxy")
    return Outlets((), window=window), [sink]


def has_display() -> bool:
    """Whether a window can be opened on this machine."""
    if not sys.platform.startswith("linux"):
        return True
    return bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))


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
