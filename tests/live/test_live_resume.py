"""A live run is carried on in a new process, after its end or after a kill."""

from __future__ import annotations

import json
import os
import re
import shutil
import threading
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mapper import MapperConfig
from mapper.backend.config import BackendConfig
from mapper.backend.fusion.map_fusion import FusionConfig
from mapper.backend.fusion.tsdf import TsdfConfig
from mapper.cli import main
from mapper.config.loader import to_mapping
from mapper.errors import ConfigError, InputError
from mapper.io.cameras.calibration import Calibration
from mapper.io.cameras.camera import Camera
from mapper.io.live.capture import LiveCapture
from mapper.io.trajectory_files import read_tum
from mapper.live import run_live
from mapper.live_job import LiveJob
from mapper.run.directory import RunDirectory
from mapper.run.journal import read_journal
from mapper.saved.map import load_map
from mapper.saved.resume import Past, check_live, read_live_past, set_aside, settings_of
from tests.support.made_up_records import described
from tests.support.paced_source import Pace, PacedSource
from tests.support.quick_outputs import skip_report
from tests.support.room_stream import RoomFrontend, marked, pose_errors
from tests.support.room_views import Room

CONFIG = MapperConfig(backend=BackendConfig(fusion=FusionConfig(tsdf=TsdfConfig(voxel_size=0.05))))
FIRST, SECOND = range(0, 40, 2), range(24, 60, 2)
KILLED_AT = 14  # frames shown
DESCRIPTION = described(to_mapping(CONFIG))


@pytest.fixture(autouse=True, scope="module")
def quick_outputs() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as monkeypatch:
        skip_report(monkeypatch)
        yield


def walk(
    room: Room,
    run: RunDirectory,
    views: Sequence[int],
    past: Past | None = None,
    at_frame: Callable[[int], None] | None = None,
) -> tuple[dict[str, Any], RoomFrontend]:
    """Map these views of the room, each of them; the second part by a clock that is behind."""
    pace, frontend = Pace(at_frame), RoomFrontend(room)
    images = [marked(room.frame(view).image, view) for view in views]
    job = LiveJob(frontend, CONFIG, run, Calibration(Camera(room.intrinsics)), past=past)
    source = PacedSource(images, pace.ready, begin=100.0 if past is None else 7.0)
    with LiveCapture(source) as capture:
        return run_live(capture, job, pace), frontend


def carried_on(
    room: Room, run: RunDirectory, views: Sequence[int] = SECOND
) -> tuple[dict[str, Any], RoomFrontend, Past]:
    past = read_live_past(run)
    assert past is not None
    set_aside(run, past)
    metrics, frontend = walk(room, run, views, past)
    return metrics, frontend, past


@pytest.fixture(scope="module")
def parts(
    room: Room, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Path, Path, RoomFrontend, dict[str, Any]]:
    """A finished run, what a kill in its middle would have left of it, its frontend, metrics."""
    folder = tmp_path_factory.mktemp("first")
    run = RunDirectory.create(folder / "run", False)
    run.write_description(DESCRIPTION)

    def kill(shown: int) -> None:
        if shown == KILLED_AT:
            shutil.copytree(run.path, folder / "killed")

    metrics, frontend = walk(room, run, FIRST, at_frame=kill)
    return run.path, folder / "killed", frontend, metrics


def both(first: RoomFrontend, second: RoomFrontend, mapped: np.ndarray) -> RoomFrontend:
    """One frontend that knows which view each mapped moment showed."""
    later = dict(zip(second.numbers, mapped[-len(second.numbers) :].tolist(), strict=True))
    second.numbers = {**first.numbers, **second.numbers}
    second.moments = {**first.moments, **later}
    return second


def test_a_finished_run_goes_on_in_the_same_map(room: Room, parts: Any, tmp_path: Path) -> None:
    run = RunDirectory(Path(shutil.copytree(parts[0], tmp_path / "run")))
    metrics, frontend, past = carried_on(room, run)
    assert past.counts.frames == len(FIRST)
    assert metrics["complete"] and metrics["frames"] == len(FIRST) + len(SECOND)
    assert metrics["tracked"] == metrics["frames"] and metrics["lost"] == 0
    trajectory = read_tum(run.trajectory)
    assert len(trajectory) == metrics["tracked"] and (np.diff(trajectory.timestamps) > 0).all()
    lines = read_journal(run.journal)
    keyframes = [line for line in lines if line["event"] == "keyframe"]
    ids = [line["id"] for line in keyframes]
    assert ids == list(range(len(ids))) and len(ids) >= metrics["keyframes"]
    assert {line["segment"] for line in keyframes} == {0, 1}
    indices = [frame[0] for line in keyframes for frame in line["frames"]]
    assert indices == list(range(metrics["frames"]))
    assert sum(line["event"] == "poses" for line in lines) == 1
    # The second part stands where it was recognised: 5 mm, from aligning noisy depth.
    knows = both(parts[2], frontend, trajectory.timestamps)
    assert pose_errors(room, knows, trajectory).max() < 0.015
    assert len(load_map(run).keyframes) == metrics["keyframes"]


def test_a_killed_run_goes_on_from_its_last_closed_keyframe(
    room: Room, parts: Any, tmp_path: Path
) -> None:
    run = RunDirectory(Path(shutil.copytree(parts[1], tmp_path / "run")))
    assert not run.metrics.exists()
    metrics, frontend, past = carried_on(room, run)
    kept = past.keyframes[-1].frames[-1].frame_index + 1
    assert 1 < kept <= KILLED_AT and past.counts.frames == kept
    assert metrics["tracked"] == metrics["frames"] == kept + len(SECOND)
    trajectory = read_tum(run.trajectory)
    first = RoomFrontend(room)
    first.numbers = {i: n for i, n in parts[2].numbers.items() if i < kept}
    first.moments = {i: parts[2].moments[i] for i in first.numbers}
    knows = both(first, frontend, trajectory.timestamps)
    assert pose_errors(room, knows, trajectory).max() < 0.015


def test_a_part_that_nothing_joins_is_told_and_joined_by_a_later_one(
    room: Room, parts: Any, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    run = RunDirectory(Path(shutil.copytree(parts[0], tmp_path / "run")))
    elsewhere = range(110, 122, 3)
    metrics, _, _ = carried_on(room, run, elsewhere)
    assert metrics["tracked"] == len(FIRST) and metrics["lost"] == len(elsewhere)
    assert caplog.text.count("nothing was recognised of the part before") == 1
    bridge = range(30, 120, 5)  # from what the first part saw to what the second did
    metrics, _, past = carried_on(room, run, bridge)
    assert past.counts.frames == len(FIRST) + len(elsewhere)
    assert metrics["tracked"] == metrics["frames"] == past.counts.frames + len(bridge)
    assert caplog.text.count("nothing was recognised") == 1


def test_the_recording_goes_on_where_the_part_before_ended(
    room: Room, parts: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = RunDirectory(Path(shutil.copytree(parts[0], tmp_path / "run")))
    before = read_tum(run.trajectory).timestamps
    moments: list[tuple[int, float]] = []
    drawn: list[set[tuple[int, int]]] = []
    monkeypatch.setattr(Pace, "at", lambda _, *moment: moments.append(moment))
    monkeypatch.setattr(Pace, "edges", lambda _, edges, __: drawn.append({e[:2] for e in edges}))
    _, _, past = carried_on(room, run)
    # The first moment is where a viewer's clock begins.
    assert moments[:2] == [(0, before[0]), (len(FIRST) - 1, before[-1])]
    earlier = {(edge.i, edge.j) for edge in past.edges}
    assert earlier and all(edges >= earlier for edges in drawn) and drawn[-1] > earlier


def test_a_kill_soon_after_taking_up_loses_nothing_of_the_first_part(
    parts: Any, tmp_path: Path
) -> None:
    run = RunDirectory(Path(shutil.copytree(parts[0], tmp_path / "run")))
    before = read_live_past(run)
    assert before is not None
    for name in ("run.aligned.rrd", "alignment.json", "eval.json"):
        (run.path / name).touch()
    set_aside(run, before)  # and then the machine lost power
    after = read_live_past(run)
    assert after is not None and after.counts == before.counts
    assert [k.id for k in after.keyframes] == [k.id for k in before.keyframes]
    assert len(after.edges) == len(before.edges)
    assert not run.metrics.exists()
    assert not {"run.aligned.rrd", "alignment.json", "eval.json"} & set(os.listdir(run.path))


def test_a_cut_off_line_makes_no_difference(parts: Any, tmp_path: Path) -> None:
    run = RunDirectory(Path(shutil.copytree(parts[1], tmp_path / "run")))
    whole = read_live_past(run)
    with run.journal.open("ab") as file:
        file.write(b'{"event": "keyframe", "id": 99, "T_od')
    cut = read_live_past(run)
    assert whole is not None and cut is not None
    assert cut.journal_bytes == whole.journal_bytes


def test_what_the_checkpoint_vouches_for_is_kept(parts: Any, tmp_path: Path) -> None:
    # Such as the line of a keyframe that was culled: its file is deleted then.
    run = RunDirectory(Path(shutil.copytree(parts[1], tmp_path / "run")))
    checkpoint = run.read_json(run.checkpoint)
    kept = run.journal.read_bytes()[: checkpoint["journal_bytes"]] + b'{"event": "later"}\n'
    run.journal.write_bytes(kept + b'{"event": "edge", "i": 3}\n')
    run.write_json(run.checkpoint, {**checkpoint, "journal_bytes": len(kept)})
    past = read_live_past(run)
    assert past is not None and past.journal_bytes == len(kept)


def test_a_run_without_a_keyframe_begins_anew(tmp_path: Path) -> None:
    run = RunDirectory.create(tmp_path / "run", False)
    assert read_live_past(run) is None
    run.journal.write_text('{"event": "decision"}\n')
    assert read_live_past(run) is None


def test_only_a_live_run_with_its_own_settings_is_carried_on(parts: Any, tmp_path: Path) -> None:
    run = RunDirectory.open(parts[0])
    check_live(run)
    assert settings_of(run, MapperConfig(), False).backend == CONFIG.backend
    assert settings_of(run, CONFIG, True).frontend == "room"  # what "auto" had chosen
    with pytest.raises(ConfigError, match="other settings"):
        settings_of(run, MapperConfig(), True)
    with pytest.raises(InputError, match="no run here"):
        RunDirectory.open(tmp_path)
    offline = RunDirectory.create(tmp_path / "offline", False)
    offline.write_description(described(kind="tum", path="/data/my desk"))
    line = f"no live run: carry on with mapper run '/data/my desk' --out {offline.path} --resume"
    with pytest.raises(InputError, match=re.escape(line)):
        check_live(offline)


@pytest.fixture
def camera(room: Room, monkeypatch: pytest.MonkeyPatch) -> list[PacedSource]:
    """`mapper live` finds a camera that shows the room, and a frontend that knows it."""
    opened: list[PacedSource] = []
    frontends: list[RoomFrontend] = []

    class Stepped(RoomFrontend):
        def step(self, frame: Any) -> Any:
            opened[-1].ready.release()
            return super().step(frame)

    def open_camera(name: str, **_: object) -> PacedSource:
        views = FIRST if not opened else SECOND
        images = [marked(room.frame(view).image, view) for view in views]
        opened.append(PacedSource(images, threading.Semaphore(1), name=name))
        opened[-1].has_depth = name != "colour"
        return opened[-1]

    def create(*_: object) -> RoomFrontend:
        frontends.append(Stepped(room, "rgbd"))
        return frontends[-1]

    monkeypatch.setattr("mapper.live.open_live", open_camera)
    monkeypatch.setattr("mapper.live.create_frontend", create)
    return opened


def test_the_command_carries_on_and_keeps_both_recordings(
    camera: list[PacedSource], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "run"
    arguments = ["live", "--camera", "3", "--out", str(out)]
    assert main([*arguments, "--set", "backend.fusion.tsdf.voxel_size=0.05", "--json"]) == 0
    first = json.loads(capsys.readouterr().out)
    assert main([*arguments, "--resume", "--json"]) == 0
    both_parts = json.loads(capsys.readouterr().out)
    assert both_parts["frames"] > first["frames"]
    assert both_parts["keyframes"] > first["keyframes"]
    assert (out / "run.part0.rrd").exists() and (out / "run.rrd").exists()
    assert [source.opened for source in camera] == [1, 1]
    # What cannot go on is refused before anything is touched.
    before = (out / "metrics.json").read_bytes()
    assert main(["live", "--camera", "colour", "--out", str(out), "--resume"]) == 2
    assert "no depth" in capsys.readouterr().err
    assert main([*arguments, "--resume", "--set", "backend.optimise_every=7"]) == 2
    assert "other settings" in capsys.readouterr().err
    assert (out / "metrics.json").read_bytes() == before
