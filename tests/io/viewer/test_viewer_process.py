"""Viewers serve to this machine alone, and no longer than the process that started them lives."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import psutil
import pytest

from mapper.io.viewer import sinks, viewer_process
from mapper.io.viewer.rerun_logger import RerunLogger
from mapper.io.viewer.viewer_process import LOCALHOST, SETTINGS, answers, end_page, serve_page

ON_LINUX = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="Linux's settings")


def listening() -> dict[int, str]:
    """Addresses by port of all that this process and its children listen on."""
    me = psutil.Process()
    connections = [
        connection
        for process in (me, *me.children(recursive=True))
        for connection in process.net_connections("inet")
    ]
    return {each.laddr.port: each.laddr.ip for each in connections if each.status == "LISTEN"}


def closes(port: int) -> bool:
    """Whether nobody listens there any more, after a while: a program takes its time to end."""
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        try:
            socket.create_connection((LOCALHOST, port), 1.0).close()
        except ConnectionRefusedError:
            return True
        time.sleep(0.05)
    return False


def test_the_web_viewer_of_a_run_listens_on_this_machine_alone(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    web, data = sinks.free_port(0), sinks.free_port(0)
    ports = {sinks.WEB_PORT: web, sinks.GRPC_PORT: data}
    monkeypatch.setattr(sinks, "free_port", ports.__getitem__)
    before = listening()
    log = RerunLogger(None, viewer="web")
    opened = {port: address for port, address in listening().items() if port not in before}
    log.close()
    assert opened == {web: LOCALHOST, data: LOCALHOST}
    assert closes(web)


def test_the_page_ends_with_the_process_that_asked_for_it() -> None:
    port = sinks.free_port(0)
    program = (
        "import time\n"
        "from mapper.io.viewer.viewer_process import *\n"
        f"page = serve_page({port}, 'rerun+http://127.0.0.1:9/proxy')\n"
        f"print(answers(page, {port}), flush=True)\n"
        "time.sleep(60)\n"
    )
    parent = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True)
    assert parent.stdout is not None and parent.stdout.readline() == "True\n"
    parent.kill()
    parent.wait()
    assert closes(port)


def test_a_page_on_a_port_that_is_taken_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket() as taken:
        taken.bind((LOCALHOST, 0))
        port = taken.getsockname()[1]
        monkeypatch.setattr(viewer_process, "START_S", 2.0)
        page = serve_page(port, "rerun+http://127.0.0.1:9/proxy")
        assert not answers(page, port)
        end_page(page)


@ON_LINUX
def test_rerun_is_told_to_send_no_statistics_and_changes_no_file_of_the_user(
    tmp_path: Path,
) -> None:
    command = [sys.executable, "-m", "rerun_cli", "analytics", "config"]
    environment = {**os.environ, "HOME": str(tmp_path), "XDG_DATA_HOME": str(tmp_path), **SETTINGS}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    assert json.loads(done.stdout)["analytics_enabled"] is False
    assert "collects" not in done.stderr and list(tmp_path.iterdir()) == []


def test_the_page_is_rerun_s(monkeypatch: pytest.MonkeyPatch) -> None:
    port = sinks.free_port(0)
    page = serve_page(port, "rerun+http://127.0.0.1:9/proxy")
    try:
        assert answers(page, port)
        with urllib.request.urlopen(f"http://{LOCALHOST}:{port}/", timeout=20) as answer:
            assert b"<html" in answer.read().lower()
    finally:
        end_page(page)
    assert page.poll() is not None
