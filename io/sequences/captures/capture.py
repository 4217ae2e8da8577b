"""A sequence with a camera and a pose for each frame: what phones and other programs leave."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from mapper.core.camera_kinds import CameraKind
from mapper.core.frame import Frame
from mapper.core.intrinsics import Intrinsics
from mapper.core.trajectory import Trajectory
from mapper.errors import ConfigError, InputError
from mapper.io.cameras.calibration import Calibration, find_calibration
from mapper.io.cameras.camera import Camera
from mapper.io.cameras.rig import check_size
from mapper.io.sequences.captures.common_view import CommonView, Lens, at_size
from mapper.io.sequences.captures.depth_sampling import depth_at_size, working_side
from mapper.io.sequences.captures.frame_source import FrameSource
from mapper.io.sequences.file_sequence import check_increasing
from mapper.io.sequences.sequence import NumberedFrames
from mapper.io.sequences.truth_files import optional_truth, rigid_poses

FRAME_RATE = 30.0  # 1/s, where the files carry no time


@dataclass(frozen=True, slots=True)
class Recorded:
    """What a reader found in a capture of N frames.

    cameras: of the stored images, one a frame, of one image size. poses: T_world_camera (N, 4, 4)
    with OpenCV axes, as they are written and perhaps no rotations; NaN = not known; None = there
    are none. poses_path: the file that an error about them names. poses_by: who made
    the poses, where that is no measured truth; None = they are the truth.
    """

    kind: str
    path: Path
    timestamps: np.ndarray
    source: FrameSource
    cameras: Sequence[Camera]
    poses: np.ndarray | None = None
    poses_path: Path | None = None
    poses_by: str | None = None
    camera_kind: CameraKind | None = None
    notes: tuple[str, ...] = ()


@dataclass(slots=True)
class CaptureSequence(NumberedFrames):
    """See mapper.io.sequences.sequence.Sequence.

    poses_by: who estimated ground_truth; None = it was measured. working_side: pixels of the longer
    side to which images are worth being reduced, as depth is smaller; None = they are not.
    """

    kind: str
    name: str
    path: Path
    timestamps: np.ndarray
    source: FrameSource
    cameras: Sequence[Camera]
    ground_truth: Trajectory | None
    poses_by: str | None
    camera_kind: CameraKind | None
    notes: tuple[str, ...]
    lonely_times: np.ndarray = field(default_factory=lambda: np.empty(0))
    working_side: int | None = field(init=False, default=None)
    has_depth: bool = field(init=False)
    intrinsics: Intrinsics | None = field(init=False)
    _view: CommonView = field(init=False)

    def __post_init__(self) -> None:
        check_increasing(self.timestamps, self.path)
        self._view = CommonView(self.cameras)
        self.intrinsics, self.has_depth = self._view.intrinsics, self.source.has_depth
        if self.has_depth:
            self._find_working_side()

    def __len__(self) -> int:
        return len(self.timestamps)

    def _frame(self, index: int) -> Frame:
        image, camera, view = self.source.color(index), self.cameras[index], self._view
        what = str(self.source.files(index)[0])
        size = camera.intrinsics.width, camera.intrinsics.height
        check_size(what, image, size, calibrated=True)
        depth = None
        if self.has_depth:
            depth_file = str(self.source.files(index)[-1])
            depth = depth_at_size(self.source.depth(index), size, depth_file)
            depth = view.depth(depth, camera)
        time = float(self.timestamps[index])
        return Frame(index, time, view.image(image, camera), depth, view.intrinsics)

    def lens(self, index: int) -> Lens:
        """Through which a frame's image goes, and what lies upon it."""
        return Lens(self._view, self.cameras[index])

    def source_files(self, index: int) -> tuple[Path, ...]:
        """The files from which a frame is read; the fingerprint looks at their names and sizes."""
        return self.source.files(index)

    def rig_facts(self) -> str:
        """Everything about the cameras that changes what a frame holds; for the fingerprint."""
        return f"{self._view.intrinsics} {self.cameras[0]!r} {self.cameras[-1]!r}"

    def close(self) -> None:
        """Releases what the source holds."""
        self.source.close()

    def _find_working_side(self) -> None:
        """By the first depth image; where that one cannot be read, images stay as they are."""
        try:
            depth = self.source.depth(0)
        except InputError:  # which is counted when the frame's turn comes
            return
        width, height = self._view.intrinsics.width, self._view.intrinsics.height
        self.working_side = working_side(max(width, height), max(depth.shape))
        if self.working_side is not None:
            small = f"{depth.shape[1]}x{depth.shape[0]}"
            self.notes += (f"depth is {small} for images of {width}x{height}: brought to one size",)


def open_capture(
    found: Recorded, name: str, calibration: Path | None, registration: str
) -> CaptureSequence:
    """The sequence of what was found. calibration, registration: as open_sequence is asked."""
    if registration not in ("auto", "none"):
        raise ConfigError(
            f"{found.path}: depth is in the view of colour already; --registration must be auto or "
            "none"
        )
    given = find_calibration(calibration, (found.path,) if found.path.is_dir() else ())
    cameras = _given_cameras(given, found) if given else list(found.cameras)
    size = found.source.color(0).shape[1::-1]
    first = str(found.source.files(0)[0])
    cameras = [at_size(camera, (size[0], size[1]), first) for camera in cameras]
    truth, notes = optional_truth(lambda: (_trajectory(found), ()))
    moved = len({camera.intrinsics for camera in cameras}) > 1
    told = ("the camera changes from frame to frame: all are brought to one",) if moved else ()
    return CaptureSequence(
        kind=found.kind,
        name=name,
        path=found.path,
        timestamps=found.timestamps,
        source=found.source,
        cameras=cameras,
        ground_truth=truth,
        poses_by=found.poses_by,
        camera_kind=(given and given.camera_kind) or found.camera_kind,
        notes=(*found.notes, *told, *notes),
    )


def _given_cameras(given: Calibration, found: Recorded) -> list[Camera]:
    if given.depth is not None:
        raise ConfigError(
            f"{found.path}: depth is in the view of colour already; give a calibration of the "
            "colour camera alone"
        )
    return [given.color] * len(found.timestamps)


def _trajectory(found: Recorded) -> Trajectory | None:
    if found.poses is None:
        return None
    poses = rigid_poses(found.poses, found.poses_path or found.path)
    known = np.isfinite(poses).all(axis=(1, 2))
    return Trajectory(found.timestamps[known], poses[known]) if known.any() else None
