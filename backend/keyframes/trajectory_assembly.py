"""Poses of all frames from the poses of their keyframes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from mapper.backend.keyframes.keyframe import Keyframe, TrackedFrame, Visit
from mapper.core.geometry import inverse
from mapper.core.sim3 import exp_sim3, inverse_similarity, log_sim3, rigid_part
from mapper.core.trajectory import Trajectory


@dataclass(frozen=True, slots=True)
class _Stretch:
    """Frames that were placed against one view: a keyframe, or a visit to the keyframe anchor."""

    anchor: int
    view: Keyframe | Visit

    def S_world_stretch(self, poses: dict[int, np.ndarray]) -> np.ndarray:
        """Where that view is now."""
        if isinstance(self.view, Keyframe):
            return poses[self.anchor]
        return poses[self.anchor] @ self.view.S_keyframe_visit


def assemble_trajectory(
    keyframes: list[Keyframe], poses: dict[int, np.ndarray]
) -> tuple[np.ndarray, Trajectory]:
    """(frame indices (N,), trajectory) of all frames; see placed_stretches."""
    parts = list(placed_stretches(keyframes, poses))
    if not parts:
        return np.zeros(0, int), Trajectory(np.zeros(0), np.zeros((0, 4, 4)))
    return np.concatenate([indices for indices, _ in parts]), Trajectory(
        np.concatenate([trajectory.timestamps for _, trajectory in parts]),
        np.concatenate([trajectory.T_world_camera for _, trajectory in parts]),
    )


def placed_stretches(
    keyframes: list[Keyframe], poses: dict[int, np.ndarray]
) -> Iterator[tuple[np.ndarray, Trajectory]]:
    """(frame indices (n,), poses) of one stretch of frames after the other, in the order of time.

    Each frame follows its keyframe, in place and in scale. poses: S_world_keyframe by keyframe id.
    What the graph changed between a stretch and the next is spread over the frames in between, in
    proportion to time, so that no step shows where one ends.
    """
    last_index = None
    stretches = _stretches(keyframes)
    for stretch, following in zip(stretches, [*stretches[1:], None], strict=False):
        frames = stretch.view.frames
        if frames[0].frame_index == last_index:
            frames = frames[1:]  # shared by two segments
        if not frames:
            continue
        last_index = frames[-1].frame_index
        indices = np.array([frame.frame_index for frame in frames])
        timestamps = np.array([frame.timestamp for frame in frames])
        yield indices, Trajectory(timestamps, _placed(stretch, following, frames, poses))


def _stretches(keyframes: list[Keyframe]) -> list[_Stretch]:
    """Of the keyframes and of their visits, in the order of time."""
    found = []
    for keyframe in keyframes:
        found.append(_Stretch(keyframe.id, keyframe))
        found += [_Stretch(keyframe.id, visit) for visit in keyframe.visits]
    return sorted(found, key=lambda stretch: stretch.view.id)


def _placed(
    stretch: _Stretch,
    following: _Stretch | None,
    frames: list[TrackedFrame],
    poses: dict[int, np.ndarray],
) -> np.ndarray:
    """T_world_camera (n, 4, 4) of some frames of the stretch."""
    correction = log_sim3(_correction(stretch, following, poses))
    start = stretch.view.timestamp
    span = 0.0 if following is None else following.view.timestamp - start
    S_world_stretch = stretch.S_world_stretch(poses)
    S_world_camera = np.empty((len(frames), 4, 4))
    for place, frame in enumerate(frames):
        share = (frame.timestamp - start) / span if span > 0 else 0.0
        moved = S_world_stretch @ exp_sim3(share * correction)
        S_world_camera[place] = moved @ frame.T_keyframe_camera
    return rigid_part(S_world_camera)


def _correction(
    stretch: _Stretch, following: _Stretch | None, poses: dict[int, np.ndarray]
) -> np.ndarray:
    """(4, 4): what the graph adds, in the stretch, to the motion of the frames in between."""
    if following is None or following.view.T_previous_keyframe is None:
        return np.eye(4)
    S_world_stretch = stretch.S_world_stretch(poses)
    S_graph = inverse_similarity(S_world_stretch) @ following.S_world_stretch(poses)
    return S_graph @ inverse(following.view.T_previous_keyframe)
