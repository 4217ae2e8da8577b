"""The Rerun log: files that are whole, files of killed runs, and disks that are full."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import rerun as rr
from rerun.chunk import RrdReader
from rerun.error_utils import RerunWarning

from mapper.core.frame import Frame
from mapper.core.intrinsics import Intrinsics
from mapper.core.mesh import Mesh
from mapper.core.trajectory import Trajectory
from mapper.errors import OutputError
from mapper.io.viewer.blueprint import eye_above, plan
from mapper.io.viewer.camera import DrawnCamera, frustum
from mapper.io.viewer.entities import KeyframeEntities
from mapper.io.viewer.plan import BirdsEye
from mapper.io.viewer.rerun_logger import MapLogger, NullLogger, RerunLogger

INTRINSICS = Intrinsics(500, 500, 320, 240, 640, 480)
IMAGE = np.full((480, 640, 3), 90, dtype=np.uint8)
TRIANGLE = Mesh(
    np.eye(3, dtype=np.float32),
    np.array([[0, 1, 2]], dtype=np.int32),
    np.full((3, 3), 200, dtype=np.uint8),
    np.full((3, 3), 3**-0.5, dtype=np.float32),
)
# Writes for ever, and says when enough is under way to kill it.
ENDLESS = """
import sys, time
import numpy as np
from pathlib import Path
from mapper.core.frame import Frame
from mapper.io.viewer.rerun_logger import RerunLogger
log = RerunLogger(Path(sys.argv[1]))
image = np.random.default_rng(0).integers(0, 255, (240, 320, 3), dtype=np.uint8)
index = 0
while True:
    log.frame(Frame(index, index / 30, image), np.eye(4), "tracking", {"track_ms": 1.0})
    index += 1
    time.sleep(0.005)
    if index == 200:
        print("ready", flush=True)
"""


def drive(log: MapLogger) -> None:
    """A short run with everything a run can have, poses along x."""
    poses = {}
    for index in range(12):
        T_world_camera = np.eye(4)
        T_world_camera[0, 3] = 0.1 * index
        state = "lost" if index == 5 else "tracking"
        values = {"track_ms": 3.0, "residual": 0.01}
        pose = None if state == "lost" else T_world_camera
        frame = Frame(index, 5.0 + index / 30, IMAGE, intrinsics=INTRINSICS)
        log.frame(frame, pose, state, values)
        if index % 3 == 0:
            points = np.random.default_rng(index).random((500, 3), dtype=np.float32)
            log.keyframe(index, points, np.zeros((500, 3), np.uint8), T_world_camera)
            poses[index] = T_world_camera
    log.keyframe_poses(poses)
    log.edges([(0, 3, "odometry"), (0, 6, "covisibility"), (0, 9, "loop")], poses)
    log.event("loop closed 0-9: 312 inliers", "info")
    log.trajectory(np.zeros((12, 3)))
    log.align_ground_truth(np.eye(4))
    log.mesh(TRIANGLE)
    log.close()


def run_rerun(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "rerun_cli", *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=300)


def test_a_closed_recording_is_whole_and_holds_every_part(tmp_path: Path) -> None:
    path = tmp_path / "new" / "run.rrd"
    truth = Trajectory(np.arange(4.0), np.tile(np.eye(4), (4, 1, 1)))
    drive(RerunLogger(path, ground_truth=truth))
    assert run_rerun("rrd", "verify", str(path)).returncode == 0
    content = run_rerun("rrd", "print", str(path)).stdout
    for entity in (
        "/world/camera/image",
        "/world/keyframes/000003/points",
        "/world/graph/loop",
        "/world/graph/covisibility",
        "/world/graph/frustums",
        "/world/trajectory/ground_truth",
        "/world/mesh",
        "/plan/estimate",
        "/state",
        "/timings/track_ms",
        "/tracking/residual",
        "/log",
    ):
        assert f" - {entity} " in content, entity


def test_a_recording_keeps_no_notes_for_a_footer(tmp_path: Path) -> None:
    """They would grow for as long as a live run lasts."""
    drive(RerunLogger(tmp_path / "run.rrd"))
    with pytest.warns(RerunWarning, match="no footer"):
        assert RrdReader(tmp_path / "run.rrd").recordings()


def test_without_a_viewer_every_call_is_taken_and_with_one_none_is_left_out() -> None:
    log = NullLogger()
    drive(log)
    assert not log.closed_by_user
    calls = {name for name, call in vars(MapLogger).items() if callable(call)}
    assert calls <= set(vars(RerunLogger))


def test_closing_twice_is_no_error(tmp_path: Path) -> None:
    log = RerunLogger(tmp_path / "run.rrd")
    log.event("before", "info")
    log.close()
    log.close()
    content = run_rerun("rrd", "print", "-vvv", str(tmp_path / "run.rrd")).stdout
    assert content.count("before") == 1


def test_an_empty_map_is_logged_without_complaint(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    log = RerunLogger(tmp_path / "run.rrd")
    nothing = np.zeros((0, 3))
    log.keyframe(0, nothing.astype(np.float32), nothing.astype(np.uint8), np.eye(4))
    log.keyframe_poses({})
    log.edges([], {})
    log.trajectory(nothing)
    log.mesh(Mesh(nothing, nothing.astype(np.int32), nothing.astype(np.uint8), nothing))
    log.close()
    content = run_rerun("rrd", "print", "-vvv", str(tmp_path / "run.rrd")).stdout
    assert "/world/mesh" in content and caplog.records == []


def test_a_keyframe_that_was_let_go_is_no_longer_drawn(tmp_path: Path) -> None:
    log = RerunLogger(tmp_path / "run.rrd")
    for id in (0, 1):
        log.keyframe(id, np.ones((3, 3), np.float32), np.zeros((3, 3), np.uint8), np.eye(4))
    log.forget(1)
    log.keyframe_poses({0: np.eye(4)})
    log.close()
    content = run_rerun("rrd", "print", "-vvv", str(tmp_path / "run.rrd")).stdout
    assert "Clear:is_recursive" in content
    assert list(log._poses) == [0]


def test_names_of_keyframes_that_went_are_used_again() -> None:
    """As many names as keyframes at a time, however many there are in the end."""
    entities = KeyframeEntities()
    names = set()
    for id in range(50):
        now = [entities.of(k) for k in range(max(0, id - 2), id + 1)]
        assert len(set(now)) == len(now)
        names.update(now)
        if id >= 2:
            assert entities.release(id - 2) == now[0]
    assert "world/keyframes/000000" in names and len(names) <= 5


def test_the_file_of_a_killed_run_is_readable(tmp_path: Path) -> None:
    path = tmp_path / "run.rrd"
    command = [sys.executable, "-c", ENDLESS, str(path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        process.send_signal(signal.SIGKILL)
    result = run_rerun("rrd", "print", str(path))
    assert result.returncode == 0
    assert " - /world/camera/image " in result.stdout


def test_a_full_disk_is_an_output_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    log = RerunLogger(tmp_path / "run.rrd")
    full = SimpleNamespace(total=1 << 30, used=1 << 30, free=0)
    monkeypatch.setattr("shutil.disk_usage", lambda _: full)
    with pytest.raises(OutputError, match="the disk is full"):
        drive(log)
    with pytest.raises(OutputError, match="the disk is full"):
        log.close()


def test_a_folder_in_the_way_is_an_output_error(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match="cannot start the recording"):
        RerunLogger(tmp_path)


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="displays are named on Linux")
def test_a_window_without_a_display_warns_or_refuses(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.delenv("DISPLAY", raising=False)
    monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)
    with pytest.raises(OutputError, match="no display"):
        RerunLogger(None, viewer="window")
    log = RerunLogger(tmp_path / "run.rrd", viewer="window")
    assert "no display" in caplog.text
    log.close()
    assert os.path.getsize(tmp_path / "run.rrd") > 0


def test_the_web_viewer_gives_its_address_and_writes_the_file(tmp_path: Path) -> None:
    log = RerunLogger(tmp_path / "run.rrd", viewer="web")
    assert log.url is not None and log.url.startswith("http://127.0.0.1:")
    drive(log)
    assert run_rerun("rrd", "verify", str(tmp_path / "run.rrd")).returncode == 0


def test_the_eye_stands_above_and_behind_the_way_the_cameras_look() -> None:
    points = np.random.default_rng(0).uniform(-1, 1, (1000, 3)) + [0, 0, 5]
    eye = eye_above(points, np.eye(4)[None])
    assert eye is not None and eye.position is not None
    x, y, z = np.asarray(eye.position.as_arrow_array().to_pylist()[0])
    assert abs(x) < 0.2  # the box is symmetric but for chance
    assert y < -1  # OpenCV axes: up is -y
    assert z < 5
    assert eye_above(points[:0], np.eye(4)[None]) is None


def test_the_plan_has_forward_up() -> None:
    positions = plan(np.array([[1.0, 7.0, 2.0], [3.0, 7.0, 4.0]]))
    np.testing.assert_allclose(positions, [[1, -2], [3, -4]])
    np.testing.assert_allclose(plan(np.array([1.0, 7.0, 2.0])), [1, -2])


def test_the_view_from_above_holds_all_that_is_drawn_with_a_margin() -> None:
    drawn: list[str] = []
    view = BirdsEye(lambda entity, what, static: drawn.append(entity))
    assert view.bounds() is None
    view.way("estimate", np.array([[0.0, 0, 0], [4, 0, 2]]), (1, 2, 3), False)
    view.camera(np.array([2.0, 0, 1]))  # within: the view rests
    assert drawn.count("plan/corners") == 1
    view.way("ground_truth", np.array([[0.0, 0, 0], [10, 0, 0]]), (1, 2, 3), True)
    assert drawn.count("plan/corners") == 2
    bounds = view.bounds()
    assert bounds is not None and bounds.range is not None
    (sides,) = bounds.range.as_arrow_array().to_pylist()
    # x from 0 to 10, z from 0 to 2 drawn upwards, and 15 % of 10 on each side.
    np.testing.assert_allclose(np.ravel(list(sides.values())), [-1.5, 11.5, -3.5, 1.5])


def test_a_frustum_is_what_the_camera_sees() -> None:
    rim, left, right = frustum(INTRINSICS, 2.0)
    # 320 pixels at a focal length of 500 are 0.64 of the depth; 240 are 0.48.
    np.testing.assert_allclose(rim[0], [-1.28, -0.96, 2.0])
    np.testing.assert_allclose(rim[2], [1.28, 0.96, 2.0])
    np.testing.assert_allclose(rim[0], rim[-1])
    assert not left[1].any() and not right[1].any()  # both pass through the camera


def test_a_lost_frame_is_shown_where_the_camera_was_last() -> None:
    drawn: list[tuple[str, object]] = []
    camera = DrawnCamera(lambda entity, what, static: drawn.append((entity, what)))
    camera.place(None, INTRINSICS, "lost")  # before any pose
    camera.place(np.eye(4), INTRINSICS, "tracking")
    drawn.clear()
    camera.place(None, INTRINSICS, "lost")
    entities = [entity for entity, _ in drawn]
    assert entities == ["state", "world/camera", "world/camera/image/state"]
    (pinhole,) = [what for entity, what in drawn if entity == "world/camera"]
    assert isinstance(pinhole, rr.Pinhole) and pinhole.color is not None
    red = 0xF04848FF
    assert pinhole.color.as_arrow_array().to_pylist() == [red]
    drawn.clear()
    camera.place(None, INTRINSICS, "lost")  # nothing new
    assert drawn == []


def test_each_keyframe_gets_one_frustum_once_the_camera_is_known() -> None:
    drawn: list[str] = []
    camera = DrawnCamera(lambda entity, what, static: drawn.append(entity))
    camera.keyframe("world/keyframes/000003", np.array([1.0, 2.0]))
    assert not any("keyframes" in entity for entity in drawn)
    camera.place(np.eye(4), INTRINSICS, "tracking")
    camera.place(np.eye(4), INTRINSICS, "tracking")
    assert drawn.count("world/keyframes/000003/points") == 1
