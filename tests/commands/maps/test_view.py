"""mapper view: which recordings are opened, and what is said where none can be."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from urllib.error import URLError
from urllib.request import urlopen

import pytest

from mapper.commands.maps.view import find_recordings
from mapper.run.directory import RunDirectory


def test_parts_before_an_interruption_come_first(finished: RunDirectory) -> None:
    for number in (0, 1, 2, 10):
        (finished.path / f"run.part{number}.rrd").touch()
    names = [path.name for path in find_recordings(finished.path)]
    assert names == [f"run.part{n}.rrd" for n in (0, 1, 2, 10)] + ["run.rrd"]


def test_a_recording_itself_can_be_named(finished: RunDirectory) -> None:
    assert find_recordings(finished.recording) == [finished.recording]


@pytest.mark.parametrize(
    ("name", "message"), [("none.rrd", "no such recording"), ("none", "no run here")]
)
def test_what_is_not_there_is_named(tmp_path: Path, command, name: str, message: str) -> None:
    code, _, err = command("view", tmp_path / name)
    assert code == 2 and message in err and name in err


def test_a_run_without_recording_is_refused(killed: RunDirectory, command) -> None:
    killed.recording.unlink()
    code, _, err = command("view", killed.path)
    assert code == 2 and "run.rrd" in err and f"mapper screenshot {killed.path}" in err


@pytest.mark.skipif(sys.platform != "linux", reason="other systems always have a display")
def test_without_a_display_there_is_one_line_with_the_ways_out(
    finished: RunDirectory, command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("DISPLAY", raising=False)
    monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)
    code, _, err = command("view", finished.path)
    assert code == 2 and err.count("\n") == 1
    assert "--web" in err and "report.html" in err


def test_the_web_viewer_answers_until_it_is_stopped(finished: RunDirectory) -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "mapper", "view", str(finished.path), "--web", "--json"],
        stdout=subprocess.PIPE,
        text=True,
        env=os.environ,
    )
    try:
        assert process.stdout is not None
        url = json.loads(process.stdout.readline())["url"]
        page = url.split("?")[0]
        with urlopen(page, timeout=60) as answer:
            assert answer.status == 200
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=300) == 0
        with pytest.raises((URLError, ConnectionError)):  # a socket that is still closing resets
            urlopen(page, timeout=2)
    finally:
        process.kill()
        process.wait()
