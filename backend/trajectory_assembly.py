"""Poses of all frames from the poses of their keyframes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from mapper.backend.keyframe import HungFrame, Keyframe, Visit
from mapper.geometry import inverse
from mapper.sim3 import exp_sim3, inverse_similarity, log_sim3, rigid_part
from mapper.trajectory import Trajectory


@dataclass(frozen=True, slots=True)
class _Stretch:
    """Frames that were placed against one view. S_world_stretch: where that is now."""

    id: int
    S_world_stretch: np.ndarray
    T_previous_keyframe: np.ndarray | None
    hung_on: Keyframe | Visit

    @property
    def start(self) -> float:
        return self.hung_on.timestamp


def assemble_trajectory(
    keyframes: list[Keyframe], poses: dict[int, np.ndarray]
) -> tuple[np.ndarray, Trajectory]:
    """(frame indices (N,), trajectory). Each frame follows its keyframe, in place and in scale.

    poses: S_world_keyframe by keyframe id. What the graph changed between a stretch and the next
    is spread over the frames in between, in proportion to time, so that no step shows where one
    ends.
    """
    count = sum(keyframe.frame_count for keyframe in keyframes)
    # A live run may last for hours and asks again and again: beside the answer itself no more is
    # held than one stretch.
    indices, timestamps = np.empty(count, int), np.empty(count)
    T_world_camera = np.empty((count, 4, 4))
    filled = 0
    stretches = _stretches(keyframes, poses)
    for number, stretch in enumerate(stretches):
        following = stretches[number + 1] if number + 1 < len(stretches) else None
        frames = stretch.hung_on.frames
        if filled and frames[0].frame_index == indices[filled - 1]:
            frames = frames[1:]  # shared by two segments
        end = filled + len(frames)
        indices[filled:end] = [frame.frame_index for frame in frames]
        timestamps[filled:end] = [frame.timestamp for frame in frames]
        T_world_camera[filled:end] = _placed(stretch, following, frames)
        filled = end
    return indices[:filled], Trajectory(timestamps[:filled], T_world_camera[:filled])


def _placed(stretch: _Stretch, following: _Stretch | None, frames: list[HungFrame]) -> np.ndarray:
    """T_world_camera (n, 4, 4) of some frames of the stretch."""
    correction = log_sim3(_correction(stretch, following))
    span = 0.0 if following is None else following.start - stretch.start
    S_world_camera = np.empty((len(frames), 4, 4))
    for place, frame in enumerate(frames):
        share = (frame.timestamp - stretch.start) / span if span > 0 else 0.0
        S_world_stretch = stretch.S_world_stretch @ exp_sim3(share * correction)
        S_world_camera[place] = S_world_stretch @ frame.T_keyframe_camera
    return rigid_part(S_world_camera)


def _stretches(keyframes: list[Keyframe], poses: dict[int, np.ndarray]) -> list[_Stretch]:
    """Of the keyframes and of their visits, in the order of time."""
    found = []
    for keyframe in keyframes:
        S = poses[keyframe.id]
        found.append(_Stretch(keyframe.id, S, keyframe.T_previous_keyframe, keyframe))
        found += [
            _Stretch(visit.id, S @ visit.S_keyframe_visit, visit.T_previous_keyframe, visit)
            for visit in keyframe.visits
        ]
    return sorted(found, key=lambda stretch: stretch.id)


def _correction(stretch: _Stretch, following: _Stretch | None) -> np.ndarray:
    """(4, 4): what the graph adds, in the stretch, to the motion of the frames in between."""
    if following is None or following.T_previous_keyframe is None:
        return np.eye(4)
    S_graph = inverse_similarity(stretch.S_world_stretch) @ following.S_world_stretch
    return S_graph @ inverse(following.T_previous_keyframe)
