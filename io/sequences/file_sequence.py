"""A sequence with one colour file, and perhaps one depth file, a frame."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from mapper.core.camera_kinds import CameraKind
from mapper.core.frame import Frame
from mapper.core.intrinsics import Intrinsics
from mapper.core.trajectory import Trajectory
from mapper.errors import InputError
from mapper.io.cameras.rig import Rig, check_size
from mapper.io.images.panorama_shape import panorama_hint
from mapper.io.sequences.decode import read_depth, read_image
from mapper.io.sequences.sequence import NumberedFrames


@dataclass(slots=True)
class FileSequence(NumberedFrames):
    """Frames of TUM, 7-Scenes, KITTI and image folders; see mapper.io.sequences.sequence.Sequence.

    color_paths, depth_paths: one a frame; depth_paths is empty where there is no depth.
    depth_scale: units of a 16-bit depth image per metre. lonely_times: (K,), seconds, of the
    colour images that were left out, as they have no depth. notes: sentences about what was found.
    camera_kind: by the format; that of the calibration goes before it.
    exif_focal: of all frames, see Frame.
    """

    kind: str
    name: str
    path: Path
    timestamps: np.ndarray
    color_paths: tuple[Path, ...]
    depth_paths: tuple[Path, ...]
    depth_scale: float
    rig: Rig
    ground_truth: Trajectory | None = None
    lonely_times: np.ndarray = field(default_factory=lambda: np.empty(0))
    notes: tuple[str, ...] = ()
    camera_kind: CameraKind | None = None
    exif_focal: float | None = None
    has_depth: bool = field(init=False)
    intrinsics: Intrinsics | None = field(init=False)

    def __post_init__(self) -> None:
        self.has_depth, self.intrinsics = bool(self.depth_paths), self.rig.intrinsics
        self.camera_kind = self.rig.camera_kind or self.camera_kind
        if not self.color_paths:
            raise InputError(f"{self.path}: no images found; is this the right folder?")
        check_increasing(self.timestamps, self.path)
        if self.has_depth and self.intrinsics is None:
            raise InputError(
                f"{self.path}: depth needs camera intrinsics; give a calibration file with --calib "
                "or put calibration.yaml into the folder"
            )
        if self.intrinsics is None:
            self.notes += panorama_hint(*self.rig.color_size)

    def __len__(self) -> int:
        return len(self.color_paths)

    def _frame(self, index: int) -> Frame:
        calibrated = self.intrinsics is not None
        # With depth as stored: depth and its calibration know nothing of how it is to be shown.
        image = read_image(self.color_paths[index], as_stored=self.has_depth)
        check_size(str(self.color_paths[index]), image, self.rig.color_size, calibrated)
        timestamp = float(self.timestamps[index])
        if not self.depth_paths:
            image = self.rig.color_only(image)
            return Frame(index, timestamp, image, None, self.intrinsics, exif_focal=self.exif_focal)
        depth = self.rig.fitted(read_depth(self.depth_paths[index], self.depth_scale))
        check_size(str(self.depth_paths[index]), depth, self.rig.depth_size, calibrated)
        image, depth = self.rig.register(image, depth)
        return Frame(index, timestamp, image, depth, self.intrinsics)

    def source_files(self, index: int) -> tuple[Path, ...]:
        """The files from which a frame is read; the fingerprint looks at their names and sizes."""
        return (self.color_paths[index], *self.depth_paths[index : index + 1])

    def rig_facts(self) -> str:
        """Everything about the cameras that changes what a frame holds; for the fingerprint."""
        return f"{self.rig.registration} {self.depth_scale} {self.rig.facts()}"

    def close(self) -> None:
        """Nothing stays open."""


def check_increasing(timestamps: np.ndarray, path: Path) -> None:
    """Raises InputError unless timestamps (N,) are finite and increase from frame to frame."""
    if not np.isfinite(timestamps).all():
        raise InputError(f"{path}: a timestamp is not a finite number; mend the list of images")
    backward = np.flatnonzero(np.diff(timestamps) <= 0)
    if len(backward):
        first = int(backward[0])
        raise InputError(
            f"{path}: timestamps go back from {timestamps[first]:.6f} to "
            f"{timestamps[first + 1]:.6f} s at frame {first + 1}; sort the list of images by time"
        )
