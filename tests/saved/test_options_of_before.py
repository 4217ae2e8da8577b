"""A run that is carried on knows its own options, wherever it lies by then."""

from __future__ import annotations

import shlex
from pathlib import Path

import pytest

from mapper.commands.mapping.run import _resume_line
from mapper.errors import ConfigError
from mapper.request import RunRequest
from mapper.run.directory import RunDirectory
from mapper.saved.resume import as_before
from tests.support.made_up_records import described


def test_the_printed_line_can_be_pasted_anywhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    request = RunRequest(sequence=Path("my desk"), save_recording=False, viewer="web")
    line = _resume_line(request, RunDirectory(Path("it's $HOME")))
    given = ["mapper", "run", str(tmp_path / "my desk"), "--out", str(tmp_path / "it's $HOME")]
    assert shlex.split(line) == [*given, "--resume", "--no-save-rrd", "--viewer", "web"]


def test_calibration_topics_and_frames_need_not_be_given_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = RunDirectory.create(tmp_path / "run", False)
    camera = tmp_path / "camera.yaml"
    camera.touch()
    description = described(kind="tum", start=2, stride=3, topics="depth=/d")
    description["sequence"]["calibration"] = "/gone/camera.yaml"
    description["sequence"]["calibration_from_run"] = "../camera.yaml"
    run.write_description(description)
    request = RunRequest(sequence=tmp_path / "desk")
    found = as_before(request, run)
    assert (found.calib, found.topics) == (camera, "depth=/d")
    assert (found.start, found.stride, found.max_frames) == (2, 3, None)
    monkeypatch.chdir(tmp_path)
    same = RunRequest(sequence=tmp_path / "desk", calib=Path("camera.yaml"), stride=3)
    assert as_before(same, run) == found
    other = RunRequest(sequence=tmp_path / "desk", calib=Path("other.yaml"))
    with pytest.raises(ConfigError, match=r"was made with --calib .*camera\.yaml, not"):
        as_before(other, run)
