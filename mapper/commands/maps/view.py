"""mapper view: open the recording of a run in the Rerun viewer."""

from __future__ import annotations

import argparse
import json
import os
import signal
import subprocess
from contextlib import suppress
from pathlib import Path
from urllib.parse import quote

EPILOG = """examples:
  mapper view runs/desk
  mapper view runs/desk --web        on a machine without a display: a web page on localhost
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of the command."""
    parser.epilog = EPILOG
    parser.add_argument("run", type=Path, metavar="RUN", help="run directory, or an .rrd file")
    parser.add_argument(
        "--web", action="store_true", help="serve the viewer on localhost until Ctrl-C"
    )


def execute(arguments: argparse.Namespace) -> int:
    """Carry the command out; the exit code of the process."""
    from mapper.commands.mapping.run import stop_on_sigterm
    from mapper.errors import OutputError
    from mapper.io.viewer.sinks import has_display
    from mapper.io.viewer.viewer_process import start_viewer

    files = list(map(str, find_recordings(arguments.run)))
    stop_on_sigterm()
    if arguments.web:
        return _serve(files, arguments)
    if not has_display():
        report = arguments.run / "report.html"
        look = f", or look at {report}" if report.exists() else ""
        raise OutputError(f"no display for the viewer's window: use --web{look}")
    code = _wait(start_viewer(*files, "--port", "auto"))
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


def _serve(files: list[str], arguments: argparse.Namespace) -> int:
    """Serve the web viewer; print its address once it answers."""
    from mapper.errors import OutputError
    from mapper.io.viewer.sinks import GRPC_PORT, WEB_PORT, free_port, tunnel
    from mapper.io.viewer.viewer_process import LOCALHOST, answers, start_viewer

    web, grpc = free_port(WEB_PORT), free_port(GRPC_PORT)
    ports = ["--serve-web", "--web-viewer-port", str(web), "--port", str(grpc)]
    process = start_viewer(*files, *ports, "--server-memory-limit", "50%")
    try:
        if not answers(process, web):
            raise OutputError(f"the web viewer does not start on port {web}; see the lines above")
        source = quote(f"rerun+http://{LOCALHOST}:{grpc}/proxy", safe="")
        url = f"http://{LOCALHOST}:{web}/?url={source}"
        if arguments.json:
            print(json.dumps({"url": url}), flush=True)
        else:
            print(f"viewer: {url}")
            print(f"to look from another machine, there first: {tunnel(web, grpc)}")
            print("Ctrl-C ends it", flush=True)
        code = _wait(process)
    finally:
        _stop(process)
    if code:
        raise OutputError(f"the web viewer ended with code {code}")
    return 0


def _wait(process: subprocess.Popen[bytes]) -> int:
    """The exit code of the viewer; 0 if the user ended it with Ctrl-C."""
    try:
        return process.wait()
    except KeyboardInterrupt:
        _stop(process)
        return 0


def _stop(process: subprocess.Popen[bytes]) -> None:
    """End the viewer and the program that it started."""
    if hasattr(os, "killpg"):
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGTERM)
    else:
        process.terminate()
    process.wait()
