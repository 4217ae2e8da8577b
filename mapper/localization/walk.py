"""The frames of a walk in a map: where one cannot say it by itself, the step from the next can."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import lru_cache
from typing import Final, Protocol

import numpy as np

from mapper.core.frame import Frame
from mapper.core.geometry import inverse, orthonormalised, rotation_angle
from mapper.errors import InputError
from mapper.frontends.rgbd.choosing import is_clear
from mapper.frontends.rgbd.config import RgbdConfig
from mapper.frontends.rgbd.hypotheses import HypothesisMaker
from mapper.localization.dense_placement import placed_by_depth
from mapper.localization.localization import Localization
from mapper.localization.localizer import ALIGNED, Localizer
from mapper.localization.refinement import told_sigmas
from mapper.vision.dense_alignment import PosePrior
from mapper.vision.depth_pyramid import DepthPyramid

TRACKING: Final = RgbdConfig()  # how a step is judged: as the frontend rgbd does
# A step between neighbouring frames, where nothing else is known: radians, metres.
STEP: Final = np.array([0.1] * 3 + [0.1] * 3)
# By how much the map's surfaces may put a frame elsewhere than the step did: metres, radians.
OFF: Final = 0.06, 0.04
LEAST_ALIGNED: Final = 2  # keyframes
REACH: Final = 2.0  # metres to the keyframes that a frame is aligned with
KEPT: Final = 3  # frames in memory


class Frames(Protocol):
    """Frames by number."""

    def __len__(self) -> int: ...

    def __getitem__(self, index: int, /) -> Frame: ...


def each_by_itself(
    localizer: Localizer, frames: Frames, left_out: Callable[[InputError], None]
) -> list[Localization | None]:
    """Places of frames of one camera; None of those that cannot be read.

    Where nobody knows the camera, what was found of it so far is where the next frame begins.
    left_out: is told of what cannot be read.
    """
    found: list[Localization | None] = []
    focals: list[float] = []  # shares of the longer side
    for index in range(len(frames)):
        try:
            frame = frames[index]
        except InputError as error:
            found.append(None)
            left_out(error)
            continue
        if focals and frame.intrinsics is None:
            frame = replace(frame, exif_focal=float(np.median(focals)))
        place = localizer.localize(frame)
        if place.is_found and place.is_estimated and place.intrinsics is not None:
            focals.append(place.intrinsics.fx / max(frame.image.shape))
        found.append(place)
    return found


def carried(
    localizer: Localizer, frames: Frames, found: list[Localization | None]
) -> list[Localization | None]:
    """Places of frames that have none by themselves, from their neighbours that have.

    found: of each frame by itself; None where it could not be read. Only frames with depth, in maps
    in metres: the step from the neighbour must be clear by surfaces and light, and the map's
    surfaces must be where it leads. So a walk is followed through what looks alike, from where it
    was surely found, and each frame is placed by the map, not by the way.
    """
    if not localizer.landmarks.is_metric:
        return found
    follower = _Follower(localizer, frames)
    places = list(found)
    for order in (range(1, len(places)), range(len(places) - 2, -1, -1)):
        step = order.step
        for index in order:
            here, before = places[index], places[index - step]
            if here is None or here.is_found or before is None or not before.is_found:
                continue
            place = follower.placed(index, index - step, before)
            places[index] = place or here
    return places


class _Follower:
    def __init__(self, localizer: Localizer, frames: Frames) -> None:
        self._localizer, self._frames = localizer, frames
        self._pyramid = lru_cache(KEPT)(self._made)

    def placed(self, index: int, neighbour: int, there: Localization) -> Localization | None:
        """A frame's place from that of its neighbour; None where it is not clear."""
        reference, source = self._pyramid(neighbour), self._pyramid(index)
        if reference is None or source is None or there.T_world_camera is None:
            return None
        maker = HypothesisMaker(
            reference,
            source,
            TRACKING.alignment,
            (TRACKING.weak_translation, TRACKING.weak_rotation),
        )
        standing = PosePrior(np.eye(4), np.diag(STEP**-2.0))
        step = maker(np.eye(4), standing)
        if not is_clear(step, TRACKING.evidence):
            return None
        T = there.T_world_camera @ step.T_reference_camera
        landmarks = self._localizer.landmarks
        keyframes = landmarks.around(T, REACH, ALIGNED)
        dense = placed_by_depth(landmarks, keyframes, source, T)
        if dense is None or len(dense.aligned) < LEAST_ALIGNED:
            return None
        off = inverse(T) @ dense.T_world_camera
        if float(np.linalg.norm(off[:3, 3])) > OFF[0] or rotation_angle(off[:3, :3]) > OFF[1]:
            return None
        rotation, translation = told_sigmas(dense.covariance, by_depth=True)
        return replace(
            there,
            T_world_camera=orthonormalised(dense.T_world_camera),
            inliers=0,
            keyframes=dense.aligned,
            sigma_translation=translation,
            sigma_rotation=rotation,
            by_depth=True,
            is_carried=True,
        )

    def _made(self, index: int) -> DepthPyramid | None:
        try:
            return self._localizer.pyramid_of(self._frames[index])
        except InputError:
            return None
