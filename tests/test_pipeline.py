"""What a run opens is opened once, and closed however it ends."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from mapper.errors import ConfigError, InputError
from mapper.frontends.rgbd.frontend import RgbdFrontend
from mapper.io.sequences.file_sequence import FileSequence
from mapper.io.sequences.open_sequence import open_chosen
from mapper.io.viewer.map_logger import NullLogger
from mapper.pipeline import map_into
from mapper.request import RunRequest
from mapper.run.journal import Journal
from mapper.slam.background_worker import Worker
from tests.support.quick_outputs import skip_report

FRAMES = 4
COARSE = ("backend.fusion.tsdf.voxel_size=0.1", "backend.keyframes.max_frames=2")


class Watched(NullLogger):
    """A viewer that knows whether it was closed."""

    closed = 0

    def close(self) -> None:
        self.closed += 1


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, list[Any]]]:
    """Every sequence and viewer that runs open; `closed`: the sequences that were closed."""
    seen: dict[str, list[Any]] = {"sequences": [], "closed": [], "viewers": []}

    def counted(*arguments: Any, **more: Any) -> Any:
        seen["sequences"].append(open_chosen(*arguments, **more))
        return seen["sequences"][-1]

    def closed(self: FileSequence) -> None:
        seen["closed"].append(self)

    def viewer(*_: object) -> Watched:
        seen["viewers"].append(Watched())
        return seen["viewers"][-1]

    monkeypatch.setattr("mapper.pipeline.warm_up", lambda *_, **__: 0.0)  # steps no frontend
    monkeypatch.setattr("mapper.pipeline.open_chosen", counted)
    monkeypatch.setattr("mapper.pipeline.open_viewer", viewer)
    monkeypatch.setattr(FileSequence, "close", closed)
    skip_report(monkeypatch)
    yield seen
    assert len(seen["closed"]) == len(seen["sequences"])


def request(sample: Path, out: Path, **more: Any) -> RunRequest:
    return RunRequest(sequence=sample, out=out, max_frames=FRAMES, changes=COARSE, **more)


def broken_step(monkeypatch: pytest.MonkeyPatch, error: BaseException) -> None:
    """The frontend fails at the third frame."""
    step = RgbdFrontend.step

    def fails(self: RgbdFrontend, frame: Any) -> Any:
        if frame.index == 2:
            raise error
        return step(self, frame)

    monkeypatch.setattr(RgbdFrontend, "step", fails)


def test_a_run_and_its_resumption_open_the_sequence_once_each(
    sample: Path, tmp_path: Path, opened: dict[str, list[Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as broken:
        broken_step(broken, RuntimeError("the camera fell"))
        with pytest.raises(RuntimeError, match="fell"):
            map_into(request(sample, tmp_path / "run"))
    assert len(opened["sequences"]) == 1
    assert [viewer.closed > 0 for viewer in opened["viewers"]] == [True]
    resumed = RunRequest(sequence=sample, out=tmp_path / "run", resume=True)
    _, metrics = map_into(resumed)
    assert metrics["complete"] and metrics["frames"] == metrics["tracked"] == FRAMES
    assert len(opened["sequences"]) == 2
    map_into(resumed)  # it is complete
    assert len(opened["sequences"]) == 3


@pytest.mark.parametrize(
    "error", [RuntimeError("of ours"), InputError("a fault"), KeyboardInterrupt()]
)
def test_all_is_closed_when_a_step_raises(
    sample: Path,
    tmp_path: Path,
    opened: dict[str, list[Any]],
    monkeypatch: pytest.MonkeyPatch,
    error: BaseException,
) -> None:
    closed: list[type] = []
    for kind in (Journal, Worker):
        close = kind.close

        def noted(self: Any, close: Any = close) -> None:
            closed.append(type(self))
            close(self)

        monkeypatch.setattr(kind, "close", noted)
    broken_step(monkeypatch, error)
    with pytest.raises(type(error)):
        map_into(request(sample, tmp_path / "run"))
    assert {Journal, Worker} <= set(closed) and opened["viewers"][0].closed == 1


def test_a_resumed_run_without_out_is_found_by_the_sequences_name(
    sample: Path, tmp_path: Path, opened: dict[str, list[Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    run, _ = map_into(RunRequest(sequence=sample, max_frames=FRAMES, changes=COARSE))
    assert run.path == Path("runs") / sample.name
    run.metrics.unlink()
    again, metrics = map_into(RunRequest(sequence=sample, resume=True))
    assert again.path == run.path and metrics["frames"] == FRAMES
    assert len(opened["sequences"]) == 2


def test_what_is_refused_is_closed_too(
    sample: Path, tmp_path: Path, opened: dict[str, list[Any]]
) -> None:
    with pytest.raises(ConfigError, match="saved predictions"):
        map_into(RunRequest(sequence=sample, out=tmp_path / "run", frontend="replay"))
    assert len(opened["sequences"]) == 1 and not (tmp_path / "run").exists()
