"""Rerun's viewer as a program of its own: on this machine alone, without its usage statistics."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import Final

LOCALHOST: Final = "127.0.0.1"  # a server that others should reach is a matter for ssh -L
START_S: Final = 20.0  # that a web server may take to answer
END_S: Final = 5.0
# Where Rerun looks for its settings on Linux. The user's own stay as they are.
SETTINGS: Final = {"XDG_CONFIG_HOME": str(Path(__file__).with_name("no_analytics"))}


def start_viewer(*arguments: str) -> subprocess.Popen[bytes]:
    """In a session of its own, so that Ctrl-C is ours: the Python module starts a program in turn.

    What it serves, it serves to this machine alone.
    """
    command = [sys.executable, "-m", "rerun_cli", "--bind", LOCALHOST, *arguments]
    return subprocess.Popen(command, env=_environment(), start_new_session=True)


def serve_page(port: int, source: str) -> subprocess.Popen[bytes]:
    """Serve the page of the web viewer, which shows that source; it ends when our process does.

    Rerun's own rr.serve_web_viewer cannot be told to serve to this machine alone.
    """
    program = str(Path(__file__).with_name("served_page.py"))
    options = ["--bind", LOCALHOST, "--serve-web", "--web-viewer-port", str(port), source]
    return subprocess.Popen(
        [sys.executable, "-P", program, *options],
        env=_environment(),
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        start_new_session=True,
    )


def end_page(page: subprocess.Popen[bytes]) -> None:
    """End what serve_page started."""
    assert page.stdin is not None
    page.stdin.close()
    with suppress(subprocess.TimeoutExpired):
        page.wait(END_S)


def answers(process: subprocess.Popen[bytes], port: int) -> bool:
    """Wait until someone listens on the port; False if the process ends or takes too long."""
    deadline = time.monotonic() + START_S
    while process.poll() is None and time.monotonic() < deadline:
        try:
            socket.create_connection((LOCALHOST, port), 1.0).close()
            return True
        except OSError:
            time.sleep(0.05)
    return False


def _environment() -> dict[str, str]:
    return {"RUST_LOG": "warn", **os.environ, **SETTINGS}
