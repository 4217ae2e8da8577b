"""A sequence with an image of a left and one of a right camera a frame."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import numpy as np

from mapper.core.camera_kinds import CameraKind
from mapper.core.frame import Frame
from mapper.core.intrinsics import Intrinsics
from mapper.core.trajectory import Trajectory
from mapper.errors import InputError
from mapper.io.cameras.rig import check_size
from mapper.io.sequences.decode import read_image
from mapper.io.sequences.file_sequence import check_increasing
from mapper.io.sequences.sequence import NumberedFrames
from mapper.io.sequences.stereo.matching import StereoMatcher
from mapper.io.sequences.stereo.pairs import ImagePairs
from mapper.io.sequences.stereo.rectification import Rectifier, StereoCameras

OUTDOORS: Final = (
    8.0  # metres, beyond which a room holds next to nothing; also as far as is tracked
)
JUDGED: Final = 3  # pairs, spread over the sequence, that tell left from right


@dataclass(slots=True)
class StereoSequence(NumberedFrames):
    """Frames of the rectified left camera, with depth by semi-global matching; see Sequence.

    pairs: the images and their times. ground_truth: poses of the left camera as it stands; they
    are kept as those of the rectified one. InputError where the images are swapped.
    """

    kind: str
    name: str
    path: Path
    pairs: ImagePairs
    cameras: StereoCameras
    ground_truth: Trajectory | None = None
    notes: tuple[str, ...] = ()
    camera_kind: CameraKind | None = "stereo"
    has_depth: bool = field(init=False, default=True)
    timestamps: np.ndarray = field(init=False)
    lonely_times: np.ndarray = field(init=False)
    intrinsics: Intrinsics | None = field(init=False)
    _rectify: Rectifier = field(init=False)
    _matcher: StereoMatcher = field(init=False)

    def __post_init__(self) -> None:
        self.timestamps, self.lonely_times = self.pairs.timestamps, self.pairs.lonely_times
        check_increasing(self.timestamps, self.path)
        self._rectify = Rectifier(self.cameras)
        camera, baseline = self._rectify.intrinsics, self._rectify.baseline
        self.intrinsics = camera
        self._matcher = StereoMatcher(camera, baseline)
        truth = self.ground_truth
        if truth is not None:
            T_left_rectified = np.eye(4)
            T_left_rectified[:3, :3] = self._rectify.R_rectified_left.T
            poses = truth.T_world_camera @ T_left_rectified
            self.ground_truth = Trajectory(truth.timestamps, poses)
        self.notes += (
            f"stereo: depth by semi-global matching, baseline {100 * baseline:.3g} cm, focal "
            f"length {camera.fx:.4g} pixels",
        )
        self._look()

    def __len__(self) -> int:
        return len(self.pairs.left)

    def _frame(self, index: int) -> Frame:
        left, right = self._pair(index)
        depth = self._matcher.depth(left, right)
        time = float(self.timestamps[index])
        return Frame(index, time, left, depth, self.intrinsics, self._matcher.noise)

    def _pair(self, index: int) -> tuple[np.ndarray, np.ndarray]:
        """Both images of a frame, rectified."""
        raw = []
        for path in (self.pairs.left[index], self.pairs.right[index]):
            image = read_image(path, as_stored=True)
            check_size(str(path), image, self.color_size, True)
            raw.append(image)
        return self._rectify(raw[0], raw[1])

    def _look(self) -> None:
        """InputError where most of the pairs that are looked at are the other way round; a note
        where they look far."""
        orders = []
        for index in np.unique(np.linspace(0, len(self) - 1, JUDGED).astype(int)):
            try:
                orders.append(self._matcher.order(*self._pair(int(index))))
            except InputError:  # which is counted when the frame's turn comes
                continue
        swapped = [order for order in orders if order.is_swapped]
        if 2 * len(swapped) > len(orders):
            first = swapped[0]
            raise InputError(
                f"{self.path}: left and right images are swapped: {first.as_given:.0%} of the left "
                f"one is found in the right one, and {first.exchanged:.0%} with the two exchanged; "
                "exchange them"
            )
        middle = float(np.median([order.middle for order in orders])) if orders else np.nan
        if middle > OUTDOORS:
            self.notes += (
                f"stereo: half of the readings lie beyond {middle:.0f} m; --config street maps "
                "what is so far",
            )

    @property
    def color_size(self) -> tuple[int, int]:
        """(width, height) that the files must have."""
        camera = self.cameras.left.intrinsics
        return camera.width, camera.height

    @property
    def R_frame_camera(self) -> np.ndarray:
        """(3, 3): how the frames are turned from the camera that took them."""
        return self._rectify.R_rectified_left

    def seen(self, image: np.ndarray, depth: np.ndarray | None) -> np.ndarray:
        """What is of the left image as stored, uint8 (h, w, 3), in the frame; for masks."""
        return self._rectify(image, image)[0]

    def lens(self, index: int) -> StereoSequence:
        """What each frame's image goes through; for masks."""
        return self

    def source_files(self, index: int) -> tuple[Path, ...]:
        """The files from which a frame is read; the fingerprint looks at their names and sizes."""
        return self.pairs.left[index], self.pairs.right[index]

    def rig_facts(self) -> str:
        """Everything about the cameras that changes what a frame holds; for the fingerprint."""
        cameras = self.cameras
        fisheyes = f"{cameras.left.fisheye} {cameras.right.fisheye}"
        return f"stereo {cameras.left!r} {cameras.right!r} {fisheyes} {cameras.T_right_left!r}"

    def close(self) -> None:
        """Nothing stays open."""
