"""Panoramas, of 360 by 180 degrees, as the pinhole views that they are split into."""

from __future__ import annotations

import dataclasses
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Final

import cv2
import numpy as np

from mapper.core.camera_kinds import CameraKind
from mapper.core.frame import Frame
from mapper.core.intrinsics import Intrinsics
from mapper.core.trajectory import Trajectory
from mapper.errors import ConfigError, InputError
from mapper.io.images.panorama_shape import HINT, is_panorama
from mapper.io.sequences.sequence import NumberedFrames, Sequence

if TYPE_CHECKING:
    from jaxtyping import Float32, Float64

FEWEST, MOST = 4, 12  # views
OVERLAP: Final = 20.0  # degrees that two neighbours both see
ASPECT: Final = 0.75  # of a view: height over width
FRAME_TIME: Final = 1 / 30  # seconds of the last panorama, and of an only one


class PanoramaSequence(NumberedFrames):
    """The views of one panorama after another, all of one place: neighbours in order overlap.

    View k looks k * 360 / N degrees to the right of the panorama's middle, level; every second
    panorama's come backwards, so that no step between two frames goes around. The views' times lie
    between their panorama's and the next. Masks are split as the images are.
    """

    has_depth = False
    camera_kind: CameraKind | None = None
    ground_truth: Trajectory | None = None

    def __init__(self, sequence: Sequence, views: int) -> None:
        """Raises ConfigError and InputError for what is no sequence of panoramas."""
        if not FEWEST <= views <= MOST:
            raise ConfigError(f"--split-360 is {views}; must be {FEWEST} to {MOST} views")
        if sequence.has_depth:
            raise ConfigError(f"{sequence.path}: --split-360 is for colour alone; there is depth")
        if sequence.intrinsics is not None:
            raise ConfigError(
                f"{sequence.path}: a panorama has no pinhole camera: leave out --calib and "
                "calibration.yaml, or --split-360"
            )
        self._sequence, self.views = sequence, views
        self.kind, self.name, self.path = sequence.kind, sequence.name, sequence.path
        self.notes = tuple(note for note in sequence.notes if HINT not in note)
        self.lonely_times = sequence.lonely_times
        self.timestamps = _spread(sequence.timestamps, views)
        height, width = sequence[0].image.shape[:2]
        if not is_panorama(width, height):
            raise InputError(
                f"{sequence.path}: --split-360 is for panoramas, twice as wide as high; these are "
                f"{width}x{height}"
            )
        self.intrinsics: Intrinsics | None = view_camera(width, views)
        self._lookups = [_lookup(self.intrinsics, width, height, R) for R in rotations(views)]
        self._size = width, height
        self._lock = threading.Lock()
        self._panorama: Frame | None = None  # the last that was read

    def __len__(self) -> int:
        return len(self._sequence) * self.views

    def view_of(self, index: int) -> tuple[int, int]:
        """Of a frame: which panorama it is of, and which view of it."""
        panorama, view = divmod(index, self.views)
        return panorama, view if panorama % 2 == 0 else self.views - 1 - view

    def _frame(self, index: int) -> Frame:
        number, view = self.view_of(index)
        with self._lock:
            if self._panorama is None or self._panorama.index != number:
                self._panorama = self._sequence[number]
            panorama = self._panorama
        if panorama.image.shape[1::-1] != self._size:
            raise InputError(f"{self.path}: panorama {number} has another size than the first")
        frame = Frame(
            index,
            float(self.timestamps[index]),
            _seen(panorama.image, self._lookups[view]),
            intrinsics=self.intrinsics,
        )
        if panorama.mask is None:
            return frame
        white = np.where(panorama.mask, np.uint8(255), np.uint8(0))
        return dataclasses.replace(frame, mask=_seen(white, self._lookups[view]) == 255)

    def source_files(self, index: int) -> tuple[Path, ...]:
        """Of the panorama."""
        files = getattr(self._sequence, "source_files", None)
        return files(index // self.views) if files else ()

    def rig_facts(self) -> str:
        """Into how many views; for the fingerprint."""
        facts = getattr(self._sequence, "rig_facts", None)
        return f"{facts() if facts else ''} split {self.views}"

    def close(self) -> None:
        """Closes the sequence within."""
        self._sequence.close()


def view_camera(width: int, views: int) -> Intrinsics:
    """Of one of so many views of a panorama of this width: as sharp in its middle as that."""
    half = np.deg2rad((360 / views + OVERLAP) / 2)
    focal = width / (2 * np.pi)
    columns = 2 * round(focal * np.tan(half))
    rows = 2 * round(ASPECT * columns / 2)
    return Intrinsics(focal, focal, (columns - 1) / 2, (rows - 1) / 2, columns, rows)


def rotations(views: int) -> Float64[np.ndarray, "n 3 3"]:
    """R_panorama_view of each, about the axis that points down."""
    turns = 2 * np.pi * np.arange(views) / views
    R = np.zeros((views, 3, 3))
    R[:, 0, 0] = R[:, 2, 2] = np.cos(turns)
    R[:, 0, 2], R[:, 2, 0] = np.sin(turns), -np.sin(turns)
    R[:, 1, 1] = 1
    return R


def _lookup(
    camera: Intrinsics, width: int, height: int, R: Float64[np.ndarray, "3 3"]
) -> tuple[Float32[np.ndarray, "h w"], Float32[np.ndarray, "h w"]]:
    """Columns and rows of the panorama, whose middle looks along z, for each pixel of a view."""
    x = (np.arange(camera.width) - camera.cx)[None] / camera.fx
    y = (np.arange(camera.height) - camera.cy)[:, None] / camera.fy
    rays = np.stack(np.broadcast_arrays(x, y, 1.0), -1) @ R.T
    longitude = np.arctan2(rays[..., 0], rays[..., 2])
    latitude = np.arctan2(rays[..., 1], np.hypot(rays[..., 0], rays[..., 2]))
    columns = (longitude / (2 * np.pi) + 0.5) * width - 0.5
    rows = (latitude / np.pi + 0.5) * height - 0.5
    return columns.astype(np.float32), rows.astype(np.float32)


def _seen(image: np.ndarray, lookup: tuple[np.ndarray, np.ndarray]) -> np.ndarray:
    return cv2.remap(image, *lookup, cv2.INTER_LINEAR, borderMode=cv2.BORDER_WRAP)


def _spread(times: Float64[np.ndarray, " n"], views: int) -> Float64[np.ndarray, " m"]:
    """Times (N * views,) of the views: evenly between a panorama and the next."""
    last = times[-1] - times[-2] if len(times) > 1 else FRAME_TIME
    gaps = np.append(np.diff(times), last)
    return (times[:, None] + gaps[:, None] * np.arange(views) / views).ravel()
