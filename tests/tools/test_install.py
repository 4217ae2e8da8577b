"""PyTorch comes for the CPU where there is no NVIDIA GPU, and nobody waits for what is cut off."""

from __future__ import annotations

import re
import socket
import sys
import threading
from collections.abc import Iterator
from configparser import ConfigParser
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import install
import pytest

from mapper.runtime.open3d_loader import INSTALL

INDEX = "https://index.invalid/cpu"


@pytest.fixture
def pips(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, ...]]:
    """A Linux without PyTorch, and what pip would be told there."""
    told: list[tuple[str, ...]] = []

    def pip(*words: str) -> int:
        told.append(words)
        return int("https://empty.invalid" in words)

    monkeypatch.setattr(install, "pip", pip)
    monkeypatch.setattr(install, "is_installed", lambda _: False)
    monkeypatch.setattr(sys, "platform", "linux")
    return told


def known(monkeypatch: pytest.MonkeyPatch, gpu: bool, reachable: bool) -> None:
    monkeypatch.setattr(install, "has_nvidia_gpu", lambda: gpu)
    monkeypatch.setattr(install, "answers", lambda _: reachable)


def test_without_a_gpu_the_cpu_build_comes_first(
    pips: list[Any], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    known(monkeypatch, gpu=False, reachable=True)
    assert install.main(["--torch-index", INDEX]) == 0
    torch, mapper = pips
    assert torch[-1] == "torch" and INDEX in torch and "--no-deps" in torch
    assert mapper[-1] == str(install.ROOT) and INDEX not in mapper
    said = capsys.readouterr().out
    assert sys.prefix in said and "0.85 GB" in said and "3.2 GB" in said


@pytest.mark.parametrize(("gpu", "reachable"), [(True, True), (True, False), (False, False)])
def test_with_a_gpu_or_cut_off_it_comes_as_pip_has_it(
    gpu: bool,
    reachable: bool,
    pips: list[Any],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    known(monkeypatch, gpu, reachable)
    assert install.main(["--torch-index", INDEX]) == 0
    assert [words[-1] for words in pips] == [str(install.ROOT)]
    assert "6.4 GB" in capsys.readouterr().out


def test_what_is_there_already_is_not_fetched_again(
    pips: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    known(monkeypatch, gpu=False, reachable=True)
    monkeypatch.setattr(install, "is_installed", lambda package: package == "torch")
    install.main(["--torch-index", INDEX])
    assert len(pips) == 1


def test_an_index_without_that_version_is_no_obstacle(
    pips: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    known(monkeypatch, gpu=False, reachable=True)
    assert install.main(["--torch-index", "https://empty.invalid"]) == 0
    assert len(pips) == 2


def test_pips_failure_is_ours(pips: list[Any], monkeypatch: pytest.MonkeyPatch) -> None:
    known(monkeypatch, gpu=True, reachable=False)
    monkeypatch.setattr(install, "pip", lambda *_: 3)
    assert install.main([]) == 3
    assert install.main(["--extra", "dev"]) == 3


def test_libraries_that_a_bare_system_lacks_are_told_before_and_after(
    pips: list[Any], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    known(monkeypatch, gpu=True, reachable=False)
    monkeypatch.setattr("platform.machine", lambda: "x86_64")
    monkeypatch.setattr(install, "LIBRARIES", ("libc.so.6", "libnothing.so.1"))
    assert install.main([]) == 0
    said = capsys.readouterr().out.splitlines()
    assert said[0] == said[-1]
    assert "libnothing.so.1" in said[0] and "libc.so.6" not in said[0] and INSTALL in said[0]


def test_a_system_that_has_them_is_told_nothing(
    pips: list[Any], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    known(monkeypatch, gpu=True, reachable=False)
    monkeypatch.setattr(install, "LIBRARIES", ("libc.so.6",))
    install.main([])
    assert "WARNING" not in capsys.readouterr().out


@pytest.mark.parametrize(
    ("script", "found"),
    [
        ("echo 'GPU 0: NVIDIA H200 (UUID: GPU-1)'", True),
        ("echo 'no devices were found'; exit 6", False),
        ("echo 'NVIDIA-SMI has failed: no driver'; exit 9", False),
        ("exec sleep 600", False),
        (None, False),
    ],
)
def test_the_driver_is_asked_for_a_gpu(
    script: str | None, found: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if script is not None:
        tool = tmp_path / "nvidia-smi"
        tool.write_text(f"#!/bin/sh\n{script}\n")
        tool.chmod(0o755)
    if script and "sleep" in script:  # a driver that hangs: however long is waited for it
        monkeypatch.setattr(install, "PATIENCE_S", 0.2)
    monkeypatch.setenv("PATH", f"{tmp_path}:/bin:/usr/bin" if script else str(tmp_path))
    assert install.has_nvidia_gpu() == found


class _Answer(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200 if self.path == "/cpu/torch/" else 404)
        self.end_headers()

    def log_message(self, *_: object) -> None: ...


@pytest.fixture
def address() -> Iterator[str]:
    with HTTPServer(("127.0.0.1", 0), _Answer) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def test_an_index_is_there_if_it_knows_torch(address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(install, "PATIENCE_S", 300.0)  # however busy the machine is
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    assert install.answers(f"{address}/cpu")
    assert install.answers(f"{address}/cpu/")
    assert not install.answers(f"{address}/else")
    assert not install.answers("http://127.0.0.1:1")


def test_an_index_that_never_answers_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(install, "PATIENCE_S", 0.3)
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    with socket.create_server(("127.0.0.1", 0)) as silent:  # takes the call and says nothing
        assert not install.answers(f"http://127.0.0.1:{silent.getsockname()[1]}")


def test_a_build_of_the_tested_version_counts_as_that() -> None:
    pins = dict(line.split("==") for line in install.CONSTRAINTS.read_text().split())
    assert {"torch", "numpy"} <= set(pins)
    assert install.is_installed("numpy")
    assert not install.is_installed("no-such-package")


def test_what_mapper_and_its_tests_need_is_pinned_once() -> None:
    pins = [line.partition("==")[0].lower() for line in install.CONSTRAINTS.read_text().split()]
    assert len(set(pins)) == len(pins)
    setup = ConfigParser()
    setup.read(install.ROOT / "setup.cfg")
    needed = f"{setup['options']['install_requires']}\n{setup['options.extras_require']['dev']}"
    lines = [line.strip() for line in needed.lower().splitlines()]
    names = {re.split(r"[<>=;\[ ]", line)[0] for line in lines if line[:1].isalpha()}
    assert len(names) > 30
    assert names - set(pins) == {"open3d"}  # of systems on which nothing was tested


def test_an_older_version_does_not_count(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(install, "version", lambda _: "0.1+cpu")
    assert not install.is_installed("torch")


def test_an_extra_may_be_installed_alone(pips: list[Any]) -> None:
    assert install.main(["--only", "docs"]) == 0
    assert pips == [("install", "--quiet", "mkdocs-material", "mkdocstrings[python]")]
