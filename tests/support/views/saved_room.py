"""The sample room as a finished map: keyframes at exact poses, in memory."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from mapper.backend.global_map import GlobalMap
from mapper.backend.keyframes.keyframe import Keyframe, TrackedFrame
from mapper.backend.keyframes.keyframe_map import KeyframeMap
from mapper.core.geometry import backproject
from mapper.core.sim3 import similarity
from mapper.localization.landmarks import Landmarks
from mapper.vision.matching import FeatureMatcher
from mapper.vision.orb import OrbMatcher
from tests.support.room_views import Room

EVERY = 16  # frames of the walk from one keyframe to the next


def room_map(
    room: Room, frames: Sequence[int], scale: float = 1.0
) -> tuple[GlobalMap, dict[int, KeyframeMap]]:
    """Keyframes at these frames of the walk; the world is the room, its unit 1 / scale metres, and
    the keyframes' own is the metre."""
    matcher, keyframes, poses, maps = OrbMatcher(), [], dict[int, np.ndarray](), {}
    for number, index in enumerate(frames):
        frame = room.frame(index)
        assert frame.depth is not None
        features = matcher.extract(frame.image, backproject(frame.depth, room.intrinsics))
        T = room.poses[index]
        first = TrackedFrame(index, frame.timestamp, np.eye(4))
        keyframes.append(Keyframe(number, 0, T, features, room.intrinsics, [first]))
        keyframes[-1].is_metric = scale == 1.0
        placed = T.copy()
        placed[:3, 3] *= scale
        poses[number] = similarity(scale, placed)
        maps[number] = KeyframeMap.of(room.prediction(index))
    return GlobalMap(keyframes, poses), maps


def room_landmarks(
    room: Room, scale: float = 1.0, matcher: FeatureMatcher | None = None
) -> Landmarks:
    """Of every EVERY-th frame."""
    saved, maps = room_map(room, range(0, len(room.poses), EVERY), scale)
    return Landmarks(saved, maps.__getitem__, matcher or OrbMatcher())
