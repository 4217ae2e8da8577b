"""`mapper live` as a person runs it: a tiny network, a network camera, a polite kill."""

from __future__ import annotations

import json
import os
import signal
import socket
import threading
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import unquote

import numpy as np
import pytest

from mapper import open_sequence
from mapper.cli import main
from mapper.io.viewer import sinks
from tests.support.mjpeg_server import Faults, MjpegServer
from tests.support.networks.tiny_cut3r import write_checkpoint
from tests.support.room_views import Room

SMALL = ["--set", "cut3r.image_size=64", "--set", "cut3r.min_confidence=0", "--set"]
SMALL += ["cut3r.device=cpu", "--set", "backend.align=off"]
SMALL += ["--set", "backend.fusion.tsdf.voxel_size=0.2"]  # of what is noise to the network


@pytest.fixture(scope="module")
def images(room: Room) -> list[np.ndarray]:
    return [room.frame(index).image for index in range(0, 60, 4)]


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_checkpoint(tmp_path_factory.mktemp("weights") / "tiny.pth")


@pytest.fixture(autouse=True)
def signals_as_before() -> Iterator[None]:
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


class Visitor(threading.Thread):
    """Looks at the viewer's page when some frames are mapped, then ends the run as `kill` does."""

    def __init__(self, server: MjpegServer, record: Path, web: int, data: int) -> None:
        super().__init__()
        self.page, self.data_answers = b"", False
        self._server, self._record, self._web, self._data = server, record, web, data

    def run(self) -> None:
        deadline = time.monotonic() + 300
        while not self._mapped() and time.monotonic() < deadline:
            time.sleep(0.02)
        try:
            page = urllib.request.urlopen(f"http://127.0.0.1:{self._web}/", timeout=60)
            self.page = page.read().lower()
            socket.create_connection(("127.0.0.1", self._data), 5.0).close()
            self.data_answers = True
        finally:
            os.kill(os.getpid(), signal.SIGTERM)

    def _mapped(self) -> bool:
        """Whether frames came through both connections."""
        frames = len(list(self._record.glob("rgb/*.png")))
        return self._server.connections == 2 and self._server.sent > 25 and frames > 8


def test_a_polite_kill_writes_everything_and_is_no_failure(
    images: list[np.ndarray],
    weights: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    web, data = sinks.free_port(0), sinks.free_port(0)
    ports = {sinks.WEB_PORT: web, sinks.GRPC_PORT: data}
    monkeypatch.setattr(sinks, "free_port", ports.__getitem__)
    out, record = tmp_path / "run", tmp_path / "record"
    with MjpegServer(images, Faults(garbage_every=11, drop_at=(15,))) as server:
        visitor = Visitor(server, record, web, data)
        visitor.start()
        arguments = ["live", "--camera", server.url, "--viewer", "web", "--out", str(out)]
        arguments += ["--frontend", "cut3r", "--weights", str(weights), *SMALL]
        assert main([*arguments, "--record", str(record)]) == 0
        visitor.join()
    output = capsys.readouterr().out
    assert b"<html" in visitor.page and visitor.data_answers
    assert f"-L {web}:127.0.0.1:{web} -L {data}:127.0.0.1:{data} " in output
    assert f"http://127.0.0.1:{web}/?url=" in output and f"127.0.0.1:{data}/" in unquote(output)
    metrics = json.loads((out / "metrics.json").read_text())
    assert metrics["complete"] and metrics["tracked"] > 3 and metrics["reconnections"] == 1
    for name in ("mesh.ply", "cloud.ply", "trajectory.txt", "report.html", "run.rrd"):
        assert (out / name).stat().st_size > 0
    assert f"mapper run {record}" in output and "dropped for newer ones" in output
    assert len(list((record / "rgb").glob("*.png"))) == metrics["recorded"]
    assert len(open_sequence(record)) == metrics["frames"]


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        (["--camera", "http://127.0.0.1:9/x.mjpg"], "no camera or stream answers"),
        (["--camera", "gone.mp4"], "no such camera or file"),
        (["--camera", "0", "--calib", "gone.yaml"], "gone.yaml"),
    ],
)
def test_what_cannot_work_is_one_clear_line(
    arguments: list[str],
    why: str,
    weights: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    chosen = ["--frontend", "cut3r", "--weights", str(weights), *SMALL]
    assert main(["live", *arguments, *chosen, "--out", str(tmp_path / "run")]) == 2
    assert why in capsys.readouterr().err.splitlines()[-1]


def test_a_viewer_without_an_address_is_one_clear_line(
    images: list[np.ndarray], weights: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    chosen = ["--frontend", "cut3r", "--weights", str(weights), *SMALL]
    with MjpegServer(images) as server:
        arguments = ["live", "--camera", server.url, "--connect", "127.0.0.1", *chosen]
        assert main([*arguments, "--out", str(tmp_path / "run")]) == 2
    assert "no address of a viewer" in capsys.readouterr().err.splitlines()[-1]


def test_a_time_below_zero_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["live", "--max-seconds", "-3"])
    assert "-3 is not a number above zero" in capsys.readouterr().err
