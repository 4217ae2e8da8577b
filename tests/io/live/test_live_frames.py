"""Frames of one size from live images, the record of them, and the names of sources."""

from __future__ import annotations

import sys
from pathlib import Path
from types import SimpleNamespace

import cv2
import numpy as np
import pytest

from mapper import open_sequence
from mapper.core.frame import Frame
from mapper.core.intrinsics import Intrinsics
from mapper.errors import ConfigError, InputError, MapperError, OutputError
from mapper.io.cameras.calibration import Calibration
from mapper.io.cameras.camera import Camera
from mapper.io.live import recording
from mapper.io.live.camera import CameraSource, RealtimeVideo
from mapper.io.live.open_live import open_live
from mapper.io.live.recording import FrameRecording
from mapper.io.live.source import LiveImage
from mapper.io.live.view import LiveView

CAMERA = Intrinsics(60.0, 61.0, 31.5, 23.5, 64, 48)
NOISE = np.random.default_rng(0).integers(0, 255, (48, 64, 3), np.uint8)


def test_frames_keep_the_first_size_and_another_shape_is_refused() -> None:
    view = LiveView(None)
    assert view.frame(0, LiveImage(0.0, NOISE)).image is NOISE
    larger = cv2.resize(NOISE, (128, 96))
    assert view.frame(1, LiveImage(0.1, larger)).image.shape == (48, 64, 3)
    with pytest.raises(InputError, match="64x36 pixels where 64x48"):
        view.frame(2, LiveImage(0.2, NOISE[:36]))
    assert view.intrinsics is None and view.frame_calibration is None


def test_a_calibrated_camera_gives_undistorted_frames_of_its_calibrations_size() -> None:
    view = LiveView(Calibration(Camera(CAMERA, (-0.2, 0.0, 0.0, 0.0))))
    frame = view.frame(0, LiveImage(0.0, cv2.resize(NOISE, (128, 96))))
    assert frame.image.shape == (48, 64, 3) and frame.intrinsics == CAMERA
    assert view.frame_calibration == Calibration(Camera(CAMERA))


def test_the_record_is_a_sequence_with_the_very_frames(tmp_path: Path) -> None:
    depth = np.linspace(0, 9, 48 * 64, dtype=np.float32).reshape(48, 64)
    frames = [
        Frame(index, 1.7e9 + index / 7, np.roll(NOISE, index, 1), depth, CAMERA)
        for index in (0, 1, 3)  # the third was refused
    ]
    record = FrameRecording(tmp_path / "rec", Calibration(Camera(CAMERA)), True)
    for frame in frames:
        record.put(frame)
    record.close()
    assert record.written == 3 and record.left_out == 0
    sequence = open_sequence(tmp_path / "rec")
    assert len(sequence) == 3 and sequence.intrinsics == CAMERA
    for read, frame in zip((sequence[i] for i in range(3)), frames, strict=True):
        np.testing.assert_array_equal(read.image, frame.image)
        assert abs(read.timestamp - frame.timestamp) < 1e-6
        assert read.depth is not None
        np.testing.assert_allclose(read.depth, depth, atol=0.00051)  # half a unit of 1 mm


def test_a_record_without_calibration_or_depth_is_a_sequence_too(tmp_path: Path) -> None:
    record = FrameRecording(tmp_path / "rec", None, False)
    record.put(Frame(0, 5.0, NOISE))
    record.close()
    sequence = open_sequence(tmp_path / "rec")
    assert len(sequence) == 1 and not sequence.has_depth


def test_a_record_never_replaces_anything(tmp_path: Path) -> None:
    (tmp_path / "something").write_text("precious")
    with pytest.raises(OutputError, match="choose another --record"):
        FrameRecording(tmp_path, None, False)


def test_a_disk_that_fails_ends_the_record_and_nothing_else(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    record = FrameRecording(tmp_path / "rec", None, False)
    (tmp_path / "rec" / "rgb").rmdir()
    record.put(Frame(0, 5.0, NOISE))
    record.put(Frame(1, 5.1, NOISE))
    record.close()
    assert record.fault is not None and "ends at frame 0" in record.fault
    assert record.left_out == 2 and caplog.text.count("mapping goes on") == 1


def test_a_record_leaves_the_rest_of_the_disk_to_the_map(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    free = iter([recording.MIN_FREE_BYTES, recording.MIN_FREE_BYTES - 1])
    monkeypatch.setattr("shutil.disk_usage", lambda _: SimpleNamespace(free=next(free)))
    record = FrameRecording(tmp_path / "rec", None, False)
    for index in range(3):
        record.put(Frame(index, 5.0 + index, NOISE))
    record.close()
    assert record.written == 1 and record.left_out == 2
    assert record.fault is not None and "ends at frame 1: less than 512 MiB" in record.fault
    assert len(open_sequence(tmp_path / "rec")) == 1


def test_sources_are_known_by_their_names(video: Path) -> None:
    for name in ("0", "/dev/video2", "rtsp://camera/1", "http://camera/stream.mjpg"):
        source = open_live(name)
        assert isinstance(source, CameraSource) and source.name == name
    assert isinstance(open_live(str(video), realtime=True), RealtimeVideo)


@pytest.mark.parametrize(
    ("name", "why"),
    [("clip.avi", "--realtime"), ("notes.txt", "no live source"), ("gone.mp4", "no such camera")],
)
def test_what_is_no_live_source_is_one_clear_line(
    name: str, why: str, video: Path, tmp_path: Path
) -> None:
    (tmp_path / "notes.txt").write_text("x")
    with pytest.raises(MapperError, match=why):
        open_live(str(tmp_path / name))


@pytest.mark.parametrize(
    "name", ["0", "/dev/video2", "http://camera/stream.mjpg", "realsense:12", "walk.bag"]
)
def test_only_a_video_has_another_speed_than_its_own(name: str) -> None:
    with pytest.raises(ConfigError, match=f"{name} .* leave --realtime out"):
        open_live(name, realtime=True)


@pytest.mark.parametrize(
    ("name", "library"), [("realsense:123", "pyrealsense2"), ("walk.bag", "rosbags")]
)
def test_a_missing_extra_is_named(
    name: str, library: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, library, None)
    (tmp_path / "walk.bag").write_bytes(b"")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ConfigError, match=f"pip install {library}$"):
        open_live(name)


def test_a_video_plays_at_its_own_speed_and_ends(video: Path) -> None:
    source = RealtimeVideo(video)
    source.open()
    images = [image for image in iter(source.read, None) if image is not None]
    source.close()
    assert len(images) == 12
    gaps = np.diff([image.timestamp for image in images])
    np.testing.assert_allclose(gaps, 0.1, atol=1e-3)  # the fixture's 10 Hz
    assert images[0].image.shape == (48, 64, 3)
