"""One small run of the sample room, made once, for all tests of the commands."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from mapper.cli import main
from mapper.pipeline import map_into
from mapper.request import RunRequest
from mapper.run.directory import RunDirectory
from tests.support.shared_folder import made_once

FRAMES = 80


@pytest.fixture(scope="session")
def mapped(sample: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished run of the first third of the walk, to read."""

    def run(out: Path) -> None:
        map_into(RunRequest(sequence=sample, out=out, max_frames=FRAMES))

    return made_once(tmp_path_factory, "mapped", run)


@pytest.fixture
def finished(mapped: Path, tmp_path: Path) -> RunDirectory:
    """A finished run of 80 frames, to write into."""
    return RunDirectory.open(Path(shutil.copytree(mapped, tmp_path / "finished")))


@pytest.fixture
def killed(mapped: Path, tmp_path: Path) -> RunDirectory:
    """The same run as if it had been killed: no outputs, no final poses, an old trajectory.txt."""
    run = RunDirectory.open(Path(shutil.copytree(mapped, tmp_path / "killed")))
    for path in (run.mesh, run.cloud, run.metrics, run.report, run.ground_truth):
        path.unlink()
    run.trajectory.write_text("# timestamp tx ty tz qx qy qz qw\n")
    lines = run.journal.read_text().splitlines(keepends=True)
    kept = [line for line in lines if json.loads(line)["event"] != "poses"]
    run.journal.write_text("".join(kept))
    return run


Command = Callable[..., tuple[int, str, str]]


@pytest.fixture
def command(capsys: pytest.CaptureFixture[str]) -> Command:
    """command("eval", path): exit code, stdout and stderr of that line."""

    def call(*arguments: object) -> tuple[int, str, str]:
        capsys.readouterr()
        try:
            code = main([str(argument) for argument in arguments])
        except SystemExit as stop:  # argparse: --help and faulty options
            code = int(stop.code or 0)
        out, err = capsys.readouterr()
        return code, out, err

    return call
