"""A ROS bag as a sequence: every image, at any time, in any order."""

from __future__ import annotations

from pathlib import Path

from mapper.core.frame import Frame
from mapper.core.intrinsics import Intrinsics
from mapper.core.trajectory import Trajectory
from mapper.errors import InputError
from mapper.io.cameras.calibration import find_calibration
from mapper.io.cameras.rig import Rig, check_size
from mapper.io.sequences.bags.bag import Bag
from mapper.io.sequences.bags.topics import TopicChoice, parse_choice
from mapper.io.sequences.sequence import NumberedFrames


class BagSequence(NumberedFrames):
    """Frames of a bag; see mapper.io.sequences.sequence.Sequence. Quick in order, slow at random.

    topics: which to take; None = found out.
    """

    kind = "rosbag"
    ground_truth: Trajectory | None = None

    def __init__(
        self,
        path: Path,
        calibration: Path | None = None,
        registration: str = "auto",
        topics: TopicChoice | None = None,
    ) -> None:
        self.path = path.resolve()
        self.name = path.stem or path.name
        self._bag = Bag(self.path, topics, calibrated=calibration is not None)
        self.has_depth = self._bag.topics.depth is not None
        self.timestamps, self.lonely_times = self._bag.timestamps, self._bag.lonely_times
        cameras = find_calibration(calibration, ()) or self._bag.calibration
        if self.has_depth and cameras is None:
            raise InputError(
                f"{path}: depth needs camera intrinsics, and no camera_info stands beside "
                f"{self._bag.topics.color}; give --calib, or --topics info=TOPIC"
            )
        size = (0, 0)
        if cameras is None:
            height, width = self._bag.color(0).shape[:2]
            size = width, height
        self._rig = Rig(cameras, registration if self.has_depth else "none", size)
        self.intrinsics: Intrinsics | None = self._rig.intrinsics
        self.notes = self._bag.notes
        self.camera_kind = self._rig.camera_kind or self._bag.camera_kind

    def __len__(self) -> int:
        return len(self._bag)

    def _frame(self, index: int) -> Frame:
        calibrated, time = self.intrinsics is not None, float(self.timestamps[index])
        image, depth = self._bag.color(index), self._bag.depth(index)
        what = f"{self.path.name} image {index}"
        check_size(what, image, self._rig.color_size, calibrated)
        if depth is None:
            return Frame(index, time, self._rig.color_only(image), None, self.intrinsics)
        depth = self._rig.fitted(depth)
        check_size(f"{what}, depth", depth, self._rig.depth_size, calibrated)
        image, depth = self._rig.register(image, depth)
        return Frame(index, time, image, depth, self.intrinsics)

    def source_files(self, index: int) -> tuple[Path, ...]:
        """The file from which every frame is read; the folder of a bag of ROS 2."""
        return (self.path,)

    def rig_facts(self) -> str:
        """The topics, and everything about the cameras; for the fingerprint."""
        return f"{self._bag.topics} {self._rig.registration} {self._rig.facts()}"

    def close(self) -> None:
        """Closes the bag."""
        self._bag.close()


def open_rosbag(
    path: Path,
    calibration: Path | None = None,
    registration: str = "auto",
    topics: str | None = None,
) -> BagSequence:
    """A bag of ROS 1 or 2. topics: like colour=/a,depth=/b,info=/c; the rest is found out."""
    return BagSequence(path, calibration, registration, parse_choice(topics) if topics else None)
