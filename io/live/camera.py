"""Cameras, network streams and video files through OpenCV."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Final

import cv2
import numpy as np

from mapper.core.camera_kinds import CameraKind
from mapper.errors import InputError
from mapper.io.cameras.calibration import Calibration
from mapper.io.live.source import LiveImage, StreamBroken, arrival_time
from mapper.io.sequences.decode import decode_color
from mapper.io.sequences.video import FRAME_RATE, frame_rate  # which silences FFmpeg too

OPEN_TIMEOUT_MS: Final = 5000
READ_TIMEOUT_MS: Final = 3000
BAD_IMAGES: Final = 5  # in a row, before the source is opened again


class CameraSource:
    """A V4L2 device, by number or path, or a network stream, by address.

    size: (width, height) to ask a device for, as that of its calibration; None takes its default.

    An image that cannot be decoded is left out; a few in a row, or none within READ_TIMEOUT_MS,
    break the stream. Motion JPEG keeps the size that it is sent in; other network streams FFmpeg
    scales to the size they began with.
    """

    has_depth = False
    calibration: Calibration | None = None
    camera_kind: CameraKind | None = None

    def __init__(self, address: int | str, size: tuple[int, int] | None = None) -> None:
        self.name = str(address)
        self._address = address
        self._size = size
        self._capture: cv2.VideoCapture | None = None
        self._is_raw = False

    def open(self) -> None:
        """Open the camera, or open it again."""
        self.close()
        if _is_network(self._address):
            timeouts = [cv2.CAP_PROP_OPEN_TIMEOUT_MSEC, OPEN_TIMEOUT_MS]
            timeouts += [cv2.CAP_PROP_READ_TIMEOUT_MSEC, READ_TIMEOUT_MS]
            capture = cv2.VideoCapture(str(self._address), cv2.CAP_FFMPEG, timeouts)
        else:
            capture = cv2.VideoCapture(self._address)
            capture.set(cv2.CAP_PROP_BUFFERSIZE, 1)
            if self._size is not None:
                capture.set(cv2.CAP_PROP_FRAME_WIDTH, self._size[0])
                capture.set(cv2.CAP_PROP_FRAME_HEIGHT, self._size[1])
        if not capture.isOpened():
            capture.release()
            raise StreamBroken(f"{self.name}: no camera or stream answers here; {self._remedy()}")
        self._capture = capture
        self._is_raw = _is_network(self._address) and _give_packets(capture)

    def read(self) -> LiveImage | None:
        """The next image; None where the stream has ended."""
        if self._capture is None:
            raise StreamBroken(f"{self.name}: not open")
        deadline = time.monotonic() + READ_TIMEOUT_MS / 1000
        for _ in range(BAD_IMAGES):
            found, raw = self._capture.read()
            image = self._rgb(raw) if found and raw.size else None
            if image is not None:
                return LiveImage(arrival_time(), image)
            if time.monotonic() >= deadline:
                break
        raise StreamBroken(f"{self.name}: the stream broke off")

    def close(self) -> None:
        """Let the camera go."""
        if self._capture is not None:
            self._capture.release()
        self._capture = None

    def _rgb(self, raw: np.ndarray) -> np.ndarray | None:
        """uint8 (H, W, 3) of what VideoCapture gives; None where it cannot be decoded."""
        if not self._is_raw:
            return cv2.cvtColor(raw, cv2.COLOR_BGR2RGB)
        try:
            return decode_color(raw.tobytes(), self.name, as_stored=True)
        except InputError:
            return None

    def _remedy(self) -> str:
        if _is_network(self._address):
            return "check the address, and that this machine may reach it"
        return "is it plugged in, free, and may you read /dev/video*?"


class RealtimeVideo:
    """A video file that plays at its own speed, so that what is late is lost."""

    has_depth = False
    calibration: Calibration | None = None
    camera_kind: CameraKind | None = None

    def __init__(self, path: Path) -> None:
        self.name = str(path)
        self._capture: cv2.VideoCapture | None = None
        self._period = 1 / FRAME_RATE
        self._next = 0
        self._started = 0.0

    def open(self) -> None:
        """From the beginning."""
        self.close()
        capture = cv2.VideoCapture(self.name)
        if not capture.isOpened():
            raise InputError(f"{self.name}: not a readable video; copy it again or convert to mp4")
        self._period = 1 / frame_rate(capture)
        self._capture, self._next, self._started = capture, 0, arrival_time()

    def read(self) -> LiveImage | None:
        """The image that is due next; None at the end."""
        if self._capture is None:
            raise StreamBroken(f"{self.name}: not open")
        due = self._started + self._next * self._period
        time.sleep(max(0.0, due - arrival_time()))
        found, image = self._capture.read()
        self._next += 1
        if not found or image is None:
            return None
        return LiveImage(due, cv2.cvtColor(image, cv2.COLOR_BGR2RGB))

    def close(self) -> None:
        """Close the file."""
        if self._capture is not None:
            self._capture.release()
        self._capture = None


def _is_network(address: int | str) -> bool:
    return isinstance(address, str) and "://" in address


def _give_packets(capture: cv2.VideoCapture) -> bool:
    """Whether read() gives undecoded JPEGs from now on, which it does of motion JPEG.

    FFmpeg would stretch an image of another shape to that of the first without telling.
    """
    if int(capture.get(cv2.CAP_PROP_FOURCC)) != cv2.VideoWriter.fourcc(*"MJPG"):
        return False
    return bool(capture.set(cv2.CAP_PROP_FORMAT, -1))
