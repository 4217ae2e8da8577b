"""mapper view: open the recording of a run in the Rerun viewer."""

from __future__ import annotations

import argparse
import json
import os
import signal
import socket
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path
from urllib.parse import quote

EPILOG = """examples:
  mapper view runs/desk
  mapper view runs/desk --web        on a machine without a display: a web page on localhost
"""
START_SECONDS = 20.0  # that the web server may take to answer


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of the command."""
    parser.epilog = EPILOG
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("run", type=Path, metavar="RUN", help="run directory, or an .rrd file")
    parser.add_argument(
        "--web", action="store_true", help="serve the viewer on localhost until Ctrl-C"
    )


def execute(arguments: argparse.Namespace) -> int:
    """Carry the command out; the exit code of the process."""
    from mapper.commands.run import stop_on_sigterm
    from mapper.errors import OutputError
    from mapper.io.viewer.sinks import LOCALHOST, has_display

    files = map(str, find_recordings(arguments.run))
    command = [sys.executable, "-m", "rerun", "--bind", LOCALHOST, *files]
    stop_on_sigterm()
    if arguments.web:
        return _serve(command, arguments)
    if not has_display():
        report = arguments.run / "report.html"
        look = f", or look at {report}" if report.exists() else ""
        raise OutputError(f"no display for the viewer's window: use --web{look}")
    code = _wait(_start([*command, "--port", "auto"]))
    if code:
        raise OutputError(f"the Rerun viewer ended with code {code}; try --web")
    return 0


def find_recordings(path: Path) -> list[Path]:
    """The .rrd files to open, in the order of time: what mapper align added comes last."""
    from mapper.errors import InputError
    from mapper.run.directory import RunDirectory
    from mapper.run.recording_parts import recordings

    if path.suffix == ".rrd":
        if not path.is_file():
            raise InputError(f"{path}: no such recording")
        return [path]
    run = RunDirectory.open(path)
    recorded = recordings(run)
    if not recorded:
        raise InputError(
            f"{path}: this run has no recording (run.rrd is missing); look at its report.html, or "
            f"make a picture of its map: mapper screenshot {path} map.png"
        )
    aligned = run.aligned_recording
    return [*recorded, aligned] if aligned.exists() else recorded


def _serve(command: list[str], arguments: argparse.Namespace) -> int:
    """Serve the web viewer; print its address once it answers."""
    from mapper.errors import OutputError
    from mapper.io.viewer.sinks import GRPC_PORT, LOCALHOST, WEB_PORT, free_port

    web, grpc = free_port(WEB_PORT), free_port(GRPC_PORT)
    ports = ["--serve-web", "--web-viewer-port", str(web), "--port", str(grpc)]
    process = _start([*command, *ports, "--server-memory-limit", "50%"])
    try:
        if not _answers(process, LOCALHOST, web):
            raise OutputError(f"the web viewer does not start on port {web}; see the lines above")
        source = quote(f"rerun+http://{LOCALHOST}:{grpc}/proxy", safe="")
        url = f"http://{LOCALHOST}:{web}/?url={source}"
        if arguments.json:
            print(json.dumps({"url": url}), flush=True)
        else:
            print(f"viewer: {url}")
            tunnel = f"-L {web}:{LOCALHOST}:{web} -L {grpc}:{LOCALHOST}:{grpc}"
            print(f"to look from another machine, there first: ssh {tunnel} THIS-MACHINE")
            print("Ctrl-C ends it", flush=True)
        code = _wait(process)
    finally:
        _stop(process)
    if code:
        raise OutputError(f"the web viewer ended with code {code}")
    return 0


def _answers(process: subprocess.Popen[bytes], host: str, port: int) -> bool:
    """Wait until someone listens on the port; False if the process ends or takes too long."""
    deadline = time.monotonic() + START_SECONDS
    while process.poll() is None and time.monotonic() < deadline:
        try:
            socket.create_connection((host, port), 1.0).close()
            return True
        except OSError:
            time.sleep(0.1)
    return False


def _wait(process: subprocess.Popen[bytes]) -> int:
    """The exit code of the viewer; 0 if the user ended it with Ctrl-C."""
    try:
        return process.wait()
    except KeyboardInterrupt:
        _stop(process)
        return 0


def _start(command: list[str]) -> subprocess.Popen[bytes]:
    """The viewer in a process group of its own: the Python module starts a program in turn."""
    return subprocess.Popen(command, start_new_session=True)


def _stop(process: subprocess.Popen[bytes]) -> None:
    """End the viewer and the program that it started."""
    if hasattr(os, "killpg"):
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGTERM)
    else:
        process.terminate()
    process.wait()
