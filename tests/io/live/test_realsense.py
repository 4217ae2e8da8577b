"""The RealSense source against a stand-in for the package: no camera is needed."""

from __future__ import annotations

import sys
from types import SimpleNamespace

import numpy as np
import pytest

from mapper.errors import InputError
from mapper.io.live.open_live import open_live
from mapper.io.live.source import StreamBroken


class Pipeline:
    """Two frames, then the cable is pulled; `present` says whether it starts at all.

    pulled_early: the cable goes between the start and the first question.
    """

    present = True
    pulled_early = False
    stopped = 0

    def __init__(self) -> None:
        self.left = 2

    def start(self, _: object) -> SimpleNamespace:
        if not self.present:
            raise RuntimeError("No device connected")
        raw = SimpleNamespace(
            fx=600.0, fy=601.0, ppx=320.0, ppy=240.0, width=640, height=480, coeffs=[0.0] * 5
        )
        stream = SimpleNamespace(
            as_video_stream_profile=lambda: SimpleNamespace(get_intrinsics=lambda: raw)
        )
        sensor = SimpleNamespace(get_depth_scale=lambda: 0.0005)
        device = SimpleNamespace(first_depth_sensor=lambda: sensor)
        if self.pulled_early:
            return SimpleNamespace(get_device=lambda: SimpleNamespace(first_depth_sensor=_gone))
        return SimpleNamespace(get_stream=lambda _: stream, get_device=lambda: device)

    def wait_for_frames(self, _: int) -> SimpleNamespace:
        if self.left == 0:
            raise RuntimeError("Frame didn't arrive")
        self.left -= 1
        image, depth = np.full((480, 640, 3), 7, np.uint8), np.full((480, 640), 2000, np.uint16)
        return SimpleNamespace(
            get_color_frame=lambda: SimpleNamespace(get_data=lambda: image),
            get_depth_frame=lambda: SimpleNamespace(get_data=lambda: depth),
        )

    def stop(self) -> None:
        Pipeline.stopped += 1
        if self.left == 0:
            _gone()


def _gone() -> None:
    raise RuntimeError("No device connected")


@pytest.fixture
def library(monkeypatch: pytest.MonkeyPatch) -> type[Pipeline]:
    config = SimpleNamespace(enable_device=lambda _: None, enable_stream=lambda *_: None)
    stand_in = SimpleNamespace(
        config=lambda: config,
        pipeline=Pipeline,
        align=lambda _: SimpleNamespace(process=lambda frames: frames),
        stream=SimpleNamespace(depth="depth", color="color"),
        format=SimpleNamespace(z16="z16", rgb8="rgb8"),
        distortion=SimpleNamespace(brown_conrady=1),
    )
    monkeypatch.setitem(sys.modules, "pyrealsense2", stand_in)
    return Pipeline


def test_colour_metric_depth_and_the_factory_calibration(library: type[Pipeline]) -> None:
    source = open_live("realsense:0123")
    source.open()
    image = source.read()
    assert image is not None and image.depth is not None and source.calibration is not None
    assert image.image.shape == (480, 640, 3)
    np.testing.assert_allclose(image.depth, 1.0)  # 2000 units of 0.5 mm
    assert source.calibration.color.intrinsics.fx == 600.0
    source.read()
    with pytest.raises(StreamBroken, match="broke off"):
        source.read()
    source.close()  # the library complains, as the device is gone; nobody else does
    source.open()
    assert source.read() is not None


def test_a_cable_pulled_while_it_starts_is_a_broken_stream(
    library: type[Pipeline], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(library, "pulled_early", True)
    monkeypatch.setattr(library, "stopped", 0)
    source = open_live("realsense")
    with pytest.raises(StreamBroken, match="is it plugged into USB 3"):
        source.open()
    assert library.stopped == 1  # else the device stays busy
    monkeypatch.setattr(library, "pulled_early", False)
    source.open()
    assert source.read() is not None


def test_a_camera_that_is_not_plugged_in_is_said_so(
    library: type[Pipeline], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(library, "present", False)
    with pytest.raises(InputError, match="is it plugged into USB 3"):
        open_live("realsense").open()
