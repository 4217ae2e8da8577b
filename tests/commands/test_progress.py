"""What a person who waits is told, on a terminal and in a log."""

from __future__ import annotations

import io
import sys

import pytest

from mapper.commands.progress import ProgressBar
from mapper.runtime.terminal import RED, can_redraw, coloured

SPECIAL = ("TERM", "CI", "NO_COLOR")


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture(autouse=True)
def plain(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in SPECIAL:
        monkeypatch.delenv(name, raising=False)


def test_a_log_gets_a_line_every_ten_seconds(capsys: pytest.CaptureFixture[str]) -> None:
    now = iter(range(0, 100, 2))  # two seconds a frame
    with ProgressBar(20, clock=lambda: float(next(now))) as bar:
        bar.begin(4)
        for frame in range(11):
            bar.update("tracking", {"keyframes": frame, "loops": 1})
        bar.settling()
    out, err = capsys.readouterr()
    lines = err.splitlines()
    assert out == "" and "\r" not in err and len(lines) == 3
    assert lines[0].startswith("frame 9 of 20, 0.5 a second, 22 s left: tracking, 4 keyframes, 1 l")
    assert lines[1].startswith("frame 14 of 20") and lines[0].endswith(" MB")
    assert lines[2].startswith("settling the map")


def test_where_nobody_knows_the_end_no_time_is_left(capsys: pytest.CaptureFixture[str]) -> None:
    now = iter((0.0, 0.0, 20.0))
    with ProgressBar(clock=lambda: next(now)) as bar:
        bar.begin(0)
        bar.update("lost", {})
    assert capsys.readouterr().err.startswith("frame 1, 0.1 a second: lost, ")


def test_a_terminal_gets_one_line_that_changes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stderr", screen := Terminal())
    with ProgressBar(2) as bar:
        bar._bar.mininterval = 0
        bar.begin(0)
        bar.update("tracking", {"loops": 0})
        bar.update("tracking", {"loops": 1})
        bar._bar.refresh()
    text = screen.getvalue()
    assert text.count("\r") >= 2 and "\n" not in text.rstrip()
    assert "\x1b[32mloop closed\x1b[0m, 1 loop," in text and " MB" in text


@pytest.mark.parametrize(
    ("name", "value", "redraws", "colours"),
    [
        ("TERM", "xterm", True, True),
        ("TERM", "dumb", False, False),
        ("CI", "true", False, False),
        ("NO_COLOR", "1", True, False),
        ("NO_COLOR", "", True, True),
    ],
)
def test_what_a_terminal_can_show(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str, redraws: bool, colours: bool
) -> None:
    monkeypatch.setenv(name, value)
    assert can_redraw(Terminal()) == redraws and not can_redraw(io.StringIO())
    assert (coloured("x", RED, Terminal()) == "\x1b[31mx\x1b[0m") == colours
    assert coloured("x", RED, io.StringIO()) == "x"
