"""A video file, decoded by OpenCV."""

from __future__ import annotations

import os
import threading
from pathlib import Path

import cv2
import numpy as np

from mapper.core.camera_kinds import CameraKind
from mapper.core.frame import Frame
from mapper.core.intrinsics import Intrinsics
from mapper.core.trajectory import Trajectory
from mapper.errors import ConfigError, InputError
from mapper.io.cameras.calibration import find_calibration
from mapper.io.cameras.rig import Rig, check_size
from mapper.io.images.panorama_shape import panorama_hint
from mapper.io.sequences.sequence import NumberedFrames

VIDEO_SUFFIXES = frozenset(
    {".mp4", ".m4v", ".avi", ".mov", ".mkv", ".webm", ".mpg", ".mpeg", ".ts", ".wmv", ".ogv"}
)
FRAME_RATE = 30.0  # 1/s, where the file states none
VARIES = 0.5  # frames by which the times are off a steady rate
_SKIP = 60  # frames up to which reading on is quicker than seeking

os.environ.setdefault("OPENCV_FFMPEG_LOGLEVEL", "-8")  # FFmpeg would write to stderr by itself


class VideoSequence(NumberedFrames):
    """Frames of a video; see mapper.io.sequences.sequence.Sequence. Quick in order, slow at random.

    timestamps: from 0; as the container has them where the rate varies, else the index over it.
    """

    kind = "video"
    has_depth = False
    camera_kind: CameraKind | None = None
    ground_truth: Trajectory | None = None
    lonely_times = np.empty(0)
    notes: tuple[str, ...] = ()

    def __init__(self, path: Path, calibration: Path | None = None) -> None:
        self.path = path.resolve()
        self.name = path.stem
        self._lock = threading.Lock()
        self._capture = cv2.VideoCapture(str(self.path))
        self._next = 0  # the frame that the next read returns
        if not self._capture.isOpened():
            raise InputError(f"{path}: not a readable video; copy it again or convert it to mp4")
        rate = frame_rate(self._capture)
        self._length = self._readable_length()
        self._end = self._length  # the first frame known to be missing
        self.timestamps = np.arange(self._length) / rate
        own = _times_of_packets(self.path)
        if own is not None and len(own) == self._length and _differ(own, self.timestamps):
            self.timestamps = own
            self.notes = (f"{self.path.name}: the frame rate varies; its own times are used",)
        cameras = find_calibration(calibration, ())
        self.rig = Rig(cameras, "none", self._size())
        self.intrinsics: Intrinsics | None = self.rig.intrinsics
        if self.intrinsics is None:
            self.notes += panorama_hint(*self.rig.color_size)

    def __len__(self) -> int:
        return self._length

    def _frame(self, index: int) -> Frame:
        with self._lock:
            image = self._read(index)
        calibrated = self.intrinsics is not None
        check_size(str(self.path), image, self.rig.color_size, calibrated)
        image = self.rig.color_only(cv2.cvtColor(image, cv2.COLOR_BGR2RGB))
        return Frame(index, float(self.timestamps[index]), image, None, self.intrinsics)

    def source_files(self, index: int) -> tuple[Path, ...]:
        """The file from which every frame is read."""
        return (self.path,)

    def close(self) -> None:
        """Closes the file; no frame can be read afterwards."""
        with self._lock:
            self._capture.release()

    def _readable_length(self) -> int:
        """Frames stated by the container, or counted where it states none (slow)."""
        stated = self._capture.get(cv2.CAP_PROP_FRAME_COUNT)
        length = int(stated) if np.isfinite(stated) and 0 < stated < 1e9 else 0
        if length == 0:
            while self._capture.grab():
                length += 1
            self._reopen()
        if length == 0:
            raise InputError(f"{self.path}: the video has no frames; copy it again")
        return length

    def _size(self) -> tuple[int, int]:
        """(width, height) of the first frame."""
        height, width = self._read(0).shape[:2]
        return width, height

    def _read(self, index: int) -> np.ndarray:
        """BGR image at an index: reads on, or seeks when far or behind."""
        if not self._capture.isOpened():
            raise InputError(f"{self.path}: the video was closed; open the sequence again")
        if index >= self._end:
            raise self._cut_short(self._end)
        if not self._next <= index <= self._next + _SKIP:
            if index == 0:
                self._reopen()
            else:
                self._capture.set(cv2.CAP_PROP_POS_FRAMES, index)
                self._next = index
        while self._next < index:
            if not self._capture.grab():
                self._end = self._next
                raise self._cut_short(self._end)
            self._next += 1
        found, image = self._capture.read()
        if not found or image is None:
            self._end = index
            raise self._cut_short(index)
        self._next = index + 1
        return image

    def _reopen(self) -> None:
        self._capture.release()
        self._capture = cv2.VideoCapture(str(self.path))
        self._next = 0

    def _cut_short(self, end: int) -> InputError:
        return InputError(
            f"{self.path}: the video ends at frame {end} of {self._length} stated; copy it again "
            "or limit it with --max-frames"
        )


def frame_rate(capture: cv2.VideoCapture) -> float:
    """1/s, as a file states it; FRAME_RATE where it states none, or one that cannot be."""
    rate = capture.get(cv2.CAP_PROP_FPS)
    return rate if np.isfinite(rate) and 0 < rate < 1e4 else FRAME_RATE


def _times_of_packets(path: Path) -> np.ndarray | None:
    """Seconds (N,) from the first, increasing, of the frames in the container; None where it does
    not tell. Nothing is decoded for it."""
    capture = cv2.VideoCapture(str(path))
    if not capture.isOpened() or not capture.set(cv2.CAP_PROP_FORMAT, -1):
        return None
    times = []
    while capture.grab():
        times.append(capture.get(cv2.CAP_PROP_POS_MSEC) * 1e-3)
    capture.release()
    found = np.sort(np.array(times))  # a frame that others are predicted from comes before them
    if len(found) < 2 or not np.isfinite(found).all() or (np.diff(found) <= 0).any():
        return None
    return found - found[0]


def _differ(times: np.ndarray, steady: np.ndarray) -> bool:
    """Whether times (N,) are off those of a steady rate by more than a part of a frame."""
    return bool(np.abs(times - steady).max() > VARIES * times[-1] / len(times))


def open_video(
    path: Path, calibration: Path | None = None, registration: str = "auto"
) -> VideoSequence:
    """A video file; the intrinsics are those of the calibration file, else unknown."""
    if registration not in ("auto", "none"):
        raise ConfigError(f"{path}: a video has no depth; --registration must be auto or none")
    return VideoSequence(path, calibration)
