"""Intel RealSense depth cameras, through the optional package pyrealsense2."""

from __future__ import annotations

from contextlib import suppress
from types import ModuleType
from typing import Any, Final

import numpy as np

from mapper.core.camera_kinds import CameraKind
from mapper.core.intrinsics import Intrinsics
from mapper.errors import ConfigError
from mapper.io.cameras.calibration import Calibration
from mapper.io.cameras.camera import Camera
from mapper.io.live.source import LiveImage, StreamBroken, arrival_time
from mapper.io.sequences.bags.topics import camera_kind

WIDTH, HEIGHT, FRAME_RATE = 640, 480, 30
READ_TIMEOUT_MS: Final = 3000
DISTORTION_TOLERANCE: Final = 1e-9


class RealsenseSource:
    """Colour and depth at 640x480 and 30 Hz, the depth brought into the colour camera's view.

    serial: of the camera to take; None = the only one. The factory's calibration of the colour
    camera becomes known with the first open(), and by its name how it measures.
    """

    has_depth = True
    camera_kind: CameraKind | None = None

    def __init__(self, serial: str | None = None) -> None:
        self._library = _load_library()
        self.name = f"realsense:{serial}" if serial else "realsense"
        self.calibration: Calibration | None = None
        self._serial = serial
        self._pipeline: Any = None
        self._align: Any = None
        self._depth_unit = 0.001

    def open(self) -> None:
        """Open the camera, or open it again."""
        self.close()
        rs = self._library
        config = rs.config()
        if self._serial:
            config.enable_device(self._serial)
        config.enable_stream(rs.stream.depth, WIDTH, HEIGHT, rs.format.z16, FRAME_RATE)
        config.enable_stream(rs.stream.color, WIDTH, HEIGHT, rs.format.rgb8, FRAME_RATE)
        self._pipeline, self._align = rs.pipeline(), rs.align(rs.stream.color)
        try:  # the cable may be pulled at any of these
            profile = self._pipeline.start(config)
            device = profile.get_device()
            self._depth_unit = float(device.first_depth_sensor().get_depth_scale())
            self.camera_kind = camera_kind("/device_0/sensor_0", _name(device, rs))
            color = profile.get_stream(rs.stream.color).as_video_stream_profile()
            self.calibration = Calibration(_camera(color.get_intrinsics(), rs))
        except RuntimeError as error:
            self.close()
            raise StreamBroken(
                f"{self.name}: no camera answers ({error}); is it plugged into USB 3, and free?"
            ) from error

    def read(self) -> LiveImage | None:
        """The next pair of colour and depth."""
        if self._pipeline is None:
            raise StreamBroken(f"{self.name}: not open")
        try:
            frames = self._align.process(self._pipeline.wait_for_frames(READ_TIMEOUT_MS))
            # Copies: the camera's own buffers are few, and it stops while they are held.
            image = np.array(frames.get_color_frame().get_data(), np.uint8)
            depth = np.asarray(frames.get_depth_frame().get_data()).astype(np.float32)
        except RuntimeError as error:
            raise StreamBroken(f"{self.name}: the stream broke off ({error})") from error
        return LiveImage(arrival_time(), image, depth * np.float32(self._depth_unit))

    def close(self) -> None:
        """Let the camera go."""
        pipeline, self._pipeline = self._pipeline, None
        if pipeline is not None:
            with suppress(RuntimeError):  # of one that never started, or is unplugged
                pipeline.stop()


def _name(device: Any, rs: ModuleType) -> str:
    """Like "Intel RealSense D435"; empty where it keeps that to itself."""
    with suppress(RuntimeError, AttributeError):
        return str(device.get_info(rs.camera_info.name))
    return ""


def _camera(raw: Any, rs: ModuleType) -> Camera:
    """The colour camera by the device's own numbers."""
    intrinsics = Intrinsics(raw.fx, raw.fy, raw.ppx, raw.ppy, raw.width, raw.height)
    coefficients = tuple(float(value) for value in raw.coeffs)
    if max(map(abs, coefficients), default=0.0) < DISTORTION_TOLERANCE:
        return Camera(intrinsics)
    if raw.model != rs.distortion.brown_conrady:
        # The inverse model maps the other way; on these cameras it moves less than a pixel.
        return Camera(intrinsics)
    return Camera(intrinsics, coefficients)


def _load_library() -> ModuleType:
    try:
        import pyrealsense2
    except ImportError as error:
        raise ConfigError(
            "RealSense cameras need the package pyrealsense2: pip install pyrealsense2"
        ) from error
    return pyrealsense2
