"""A keyframe: the view that a stretch of tracked frames is placed in."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Final

import numpy as np

from mapper.core.geometry import inverse, rotation_angle
from mapper.core.intrinsics import Intrinsics
from mapper.core.pose_uncertainty import PoseUncertainty
from mapper.vision.local_features import LocalFeatures

FEWEST_STEPS: Final = 3  # frames that tell what a usual step is
# A tracked frame, in a visit.
PACKED: Final = np.dtype(
    [("index", np.int64), ("timestamp", np.float64), ("T_visit_camera", np.float32, (3, 4))]
)


@dataclass(frozen=True, slots=True)
class TrackedFrame:
    """A frame placed relative to its keyframe, so that it follows when the graph moves.

    T_keyframe_camera: (4, 4), in the keyframe's own units.
    """

    frame_index: int
    timestamp: float
    T_keyframe_camera: np.ndarray


@dataclass(frozen=True, slots=True)
class Visit:
    """A stretch of frames that was a keyframe's own until that showed nothing new.

    It is placed in an earlier keyframe, its anchor. id: what it had as a keyframe; ids follow each
    other in time. S_keyframe_visit: (4, 4), its origin in its anchor. T_previous_keyframe: as a
    keyframe's. packed: (N,) of PACKED, its frames in little memory, as there is no end to them;
    their poses have seven digits.
    """

    id: int
    S_keyframe_visit: np.ndarray
    T_previous_keyframe: np.ndarray | None
    packed: np.ndarray

    @classmethod
    def of(
        cls,
        id: int,
        S_keyframe_visit: np.ndarray,
        T_previous_keyframe: np.ndarray | None,
        frames: Sequence[TrackedFrame],
    ) -> Visit:
        """frames: as a keyframe holds them."""
        rows = [(f.frame_index, f.timestamp, f.T_keyframe_camera[:3]) for f in frames]
        return cls(id, S_keyframe_visit, T_previous_keyframe, np.array(rows, PACKED))

    @property
    def frame_count(self) -> int:
        """How many frames the visit holds."""
        return len(self.packed)

    @property
    def timestamp(self) -> float:
        """Of its first frame [s]."""
        return float(self.packed["timestamp"][0])

    @property
    def frames(self) -> list[TrackedFrame]:
        """As a keyframe holds them; unpacked at each call."""
        T_visit_camera = np.tile(np.eye(4), (len(self.packed), 1, 1))
        T_visit_camera[:, :3] = self.packed["T_visit_camera"]
        indices, timestamps = self.packed["index"].tolist(), self.packed["timestamp"].tolist()
        each = zip(indices, timestamps, T_visit_camera, strict=True)
        return [TrackedFrame(*frame) for frame in each]


@dataclass
class Keyframe:
    """T_odometry_keyframe: (4, 4), pose in the frontend's own world of this segment.

    frames: every frame of the stretch, the keyframe itself first. median_depth: of its points,
    in its own units. descriptor: float32 (d,) of the frontend, for place recognition, or None.
    is_metric: its units are metres; else they are the frontend's times `units`.
    T_previous_keyframe: (4, 4), in the keyframe before, by the frames in between; None where
    those are of another segment. T_odometry_last: (4, 4), of its last frame; None where that is
    the keyframe itself. visits: later stretches that are placed in it too. is_found: its frame
    follows the one before in time, but not in the frontend's tracking, which found out later where
    it was. uncertainty: of its pose in the frontend's world, in its own units, where the frontend
    knows it; not kept on disk, as edges are made of it at once. turning: rad/s, how fast the camera
    turned when it was opened; 0 where nothing tells. shares_camera: see Prediction. Its depth map
    is large and lives in the MapCache under its id.
    """

    id: int
    segment: int
    T_odometry_keyframe: np.ndarray
    features: LocalFeatures
    intrinsics: Intrinsics
    frames: list[TrackedFrame] = field(default_factory=list)
    median_depth: float = 1.0
    descriptor: np.ndarray | None = None
    is_metric: bool = True
    units: float = 1.0
    T_previous_keyframe: np.ndarray | None = None
    T_odometry_last: np.ndarray | None = None
    visits: list[Visit] = field(default_factory=list)
    is_found: bool = False
    uncertainty: PoseUncertainty | None = None
    turning: float = 0.0
    shares_camera: bool = False

    @property
    def is_adjusted(self) -> bool:
        """Its frontend knows how good its poses are but not their unit: it adjusted them together,
        and its depths came of that."""
        return self.uncertainty is not None and not self.is_metric

    @property
    def frame_index(self) -> int:
        """Of the frame that opened it."""
        return self.frames[0].frame_index

    @property
    def timestamp(self) -> float:
        """Of the frame that opened it [s]."""
        return self.frames[0].timestamp

    @property
    def stretches(self) -> list[tuple[np.ndarray, list[TrackedFrame]]]:
        """Where its stretches of frames begin, in the keyframe (4, 4), and their frames."""
        visits = [(visit.S_keyframe_visit, visit.frames) for visit in self.visits]
        return [(np.eye(4), self.frames), *visits]

    @property
    def frame_count(self) -> int:
        """Of all its stretches."""
        return len(self.frames) + sum(visit.frame_count for visit in self.visits)


def shares_frame(previous: Keyframe, new: Keyframe) -> bool:
    """A frontend that was reset saw the last frame of one segment again as the next one's first."""
    return previous.segment != new.segment and previous.frames[-1].frame_index == new.frame_index


def jumped_at_once(previous: Keyframe, new: Keyframe, T_previous_new: np.ndarray) -> bool:
    """Whether a keyframe is elsewhere than its frontend said because of the last step to it, and
    not of all the frames in between, to which what is missing then belongs as well.

    T_previous_new: (4, 4), where it is.
    """
    said = new.T_previous_keyframe
    if said is None or len(previous.frames) < FEWEST_STEPS:
        return True
    placed = [frame.T_keyframe_camera for frame in previous.frames]
    steps = [_moved(a, b, previous.median_depth) for a, b in pairwise(placed)]
    last = _moved(placed[-1], said, previous.median_depth)
    missing = _moved(said, T_previous_new, previous.median_depth)
    return last - float(np.median(steps)) > missing / 2


def _moved(a: np.ndarray, b: np.ndarray, depth: float) -> float:
    """From one pose to another, in radians of what is seen at that depth."""
    T = inverse(a) @ b
    return float(np.linalg.norm(T[:3, 3])) / depth + rotation_angle(T[:3, :3])


def turning_of(previous: Keyframe | None, new: Keyframe) -> float:
    """Radians a second between the last frame before a keyframe and the one that opened it."""
    if previous is None or new.T_previous_keyframe is None:
        return 0.0
    last = previous.frames[-1]
    seconds = new.timestamp - last.timestamp
    T_last_new = inverse(last.T_keyframe_camera) @ new.T_previous_keyframe
    return rotation_angle(T_last_new[:3, :3]) / seconds if seconds > 0 else 0.0
