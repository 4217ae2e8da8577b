"""Poses of all frames from the poses of their keyframes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from mapper.backend.keyframe import HungFrame, Keyframe
from mapper.geometry import inverse
from mapper.sim3 import exp_sim3, inverse_similarity, log_sim3, rigid_part
from mapper.trajectory import Trajectory


@dataclass(frozen=True, slots=True)
class _Stretch:
    """Frames that were placed against one view. S_world_stretch: where that is now."""

    id: int
    S_world_stretch: np.ndarray
    T_previous_keyframe: np.ndarray | None
    frames: list[HungFrame]


def assemble_trajectory(
    keyframes: list[Keyframe], poses: dict[int, np.ndarray]
) -> tuple[np.ndarray, Trajectory]:
    """(frame indices (N,), trajectory). Each frame follows its keyframe, in place and in scale.

    poses: S_world_keyframe by keyframe id. What the graph changed between a stretch and the next
    is spread over the frames in between, in proportion to time, so that no step shows where one
    ends.
    """
    indices: list[int] = []
    timestamps, T_world_camera = [], []
    stretches = _stretches(keyframes, poses)
    for number, stretch in enumerate(stretches):
        following = stretches[number + 1] if number + 1 < len(stretches) else None
        correction = log_sim3(_correction(stretch, following))
        for frame in stretch.frames:
            if indices and frame.frame_index == indices[-1]:
                continue  # shared by two segments
            indices.append(frame.frame_index)
            timestamps.append(frame.timestamp)
            share = 0.0
            if following is not None:
                start = stretch.frames[0].timestamp
                span = following.frames[0].timestamp - start
                share = (frame.timestamp - start) / span if span > 0 else 0.0
            S_world_stretch = stretch.S_world_stretch @ exp_sim3(share * correction)
            T_world_camera.append(S_world_stretch @ frame.T_keyframe_camera)
    stacked = rigid_part(np.array(T_world_camera).reshape(-1, 4, 4))
    return np.array(indices, int), Trajectory(np.array(timestamps, float), stacked)


def _stretches(keyframes: list[Keyframe], poses: dict[int, np.ndarray]) -> list[_Stretch]:
    """Of the keyframes and of their visits, in the order of time."""
    found = []
    for keyframe in keyframes:
        S = poses[keyframe.id]
        found.append(_Stretch(keyframe.id, S, keyframe.T_previous_keyframe, keyframe.frames))
        found += [
            _Stretch(visit.id, S @ visit.S_keyframe_visit, visit.T_previous_keyframe, visit.frames)
            for visit in keyframe.visits
        ]
    return sorted(found, key=lambda stretch: stretch.id)


def _correction(stretch: _Stretch, following: _Stretch | None) -> np.ndarray:
    """(4, 4): what the graph adds, in the stretch, to the motion of the frames in between."""
    if following is None or following.T_previous_keyframe is None:
        return np.eye(4)
    S_graph = inverse_similarity(stretch.S_world_stretch) @ following.S_world_stretch
    return S_graph @ inverse(following.T_previous_keyframe)
