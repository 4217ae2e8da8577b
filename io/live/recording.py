"""Keeps the frames of a live run as a sequence that can be mapped again."""

from __future__ import annotations

import errno
import logging
import queue
import shutil
import threading
from pathlib import Path
from typing import Final

import cv2
import numpy as np

from mapper.core.frame import Frame
from mapper.errors import OutputError
from mapper.io.cameras.calibration import CALIBRATION_NAME, Calibration, save_calibration
from mapper.runtime.closing import Closing

logger = logging.getLogger(__name__)

QUEUE_LENGTH: Final = 30  # frames that wait to be written
DEPTH_SCALE: Final = 1000.0  # units of the depth images per metre
MIN_FREE_BYTES: Final = 512 << 20  # left to the map, which needs the disk more
PNG_COMPRESSION: Final = 1  # three times as fast as the default, a tenth larger


class FrameRecording(Closing):
    """Writes rgb/, depth/, rgb.txt, depth.txt and calibration.yaml from a thread of its own.

    The folder is a TUM sequence: `mapper run DIR` maps the very frames that were tracked, without
    loss in colour, in depth rounded to a millimetre. left_out: frames for which the disk was too
    slow; tracking never waits for it. fault: why the record ended early, or None. A kill loses at
    most the last image.
    """

    def __init__(self, path: Path, calibration: Calibration | None, has_depth: bool) -> None:
        self.path = path
        self.written = 0
        self.left_out = 0
        self._has_depth = has_depth
        self.fault: str | None = None
        self._frames: queue.Queue[Frame | None] = queue.Queue(QUEUE_LENGTH)
        self._prepare(calibration)
        self._thread = threading.Thread(target=self._run, name="mapper-recording", daemon=True)
        self._thread.start()

    def put(self, frame: Frame) -> None:
        """Hand over a frame; without effect once the disk has failed."""
        try:
            self._frames.put_nowait(frame)
        except queue.Full:
            self.left_out += 1

    def close(self) -> None:
        """Write what waits and end the thread."""
        if self._thread.is_alive():
            self._frames.put(None)
            self._thread.join()

    def _prepare(self, calibration: Calibration | None) -> None:
        refuse_used(self.path)
        try:
            for kind in ("rgb", "depth") if self._has_depth else ("rgb",):
                (self.path / kind).mkdir(parents=True, exist_ok=True)
                (self.path / f"{kind}.txt").write_text("# timestamp filename\n", encoding="utf-8")
            if calibration is not None:
                measures = calibration.camera_kind
                known = Calibration(calibration.color, None, None, DEPTH_SCALE, measures)
                save_calibration(known, self.path / CALIBRATION_NAME)
        except OSError as error:
            raise OutputError(f"{self.path}: cannot be written ({error.strerror})") from error

    def _run(self) -> None:
        while (frame := self._frames.get()) is not None:
            if self.fault is None:
                self._guarded(frame)
            else:
                self.left_out += 1

    def _guarded(self, frame: Frame) -> None:
        try:
            if shutil.disk_usage(self.path).free < MIN_FREE_BYTES:
                raise OSError(errno.ENOSPC, "less than 512 MiB are free, which the map needs")
            self._write(frame)
            self.written += 1
        except OSError as error:
            self.left_out += 1
            self.fault = f"{self.path}: the record ends at frame {frame.index}: {error.strerror}"
            logger.error("%s; mapping goes on", self.fault)

    def _write(self, frame: Frame) -> None:
        self._append("rgb", frame, cv2.cvtColor(frame.image, cv2.COLOR_RGB2BGR))
        if frame.depth is not None:
            units = np.clip(np.nan_to_num(frame.depth) * DEPTH_SCALE, 0, 65534)
            self._append("depth", frame, np.round(units).astype(np.uint16))

    def _append(self, kind: str, frame: Frame, image: np.ndarray) -> None:
        """The image first, then its line: a line never names what is not there."""
        name = f"{kind}/{frame.index:06d}.png"
        encoded = cv2.imencode(".png", image, [cv2.IMWRITE_PNG_COMPRESSION, PNG_COMPRESSION])[1]
        (self.path / name).write_bytes(encoded.tobytes())
        with open(self.path / f"{kind}.txt", "a", encoding="utf-8") as file:
            file.write(f"{frame.timestamp:.6f} {name}\n")


def refuse_used(path: Path) -> None:
    """Raise OutputError where a record would be mixed with, or replace, anything."""
    if path.exists() and (not path.is_dir() or any(path.iterdir())):
        raise OutputError(f"{path} exists and is not empty; choose another --record")
