"""Poses of all frames from the poses of their keyframes."""

from __future__ import annotations

import numpy as np

from mapper.backend.keyframe import Keyframe
from mapper.geometry import inverse
from mapper.sim3 import exp_sim3, inverse_similarity, log_sim3, rigid_part
from mapper.trajectory import Trajectory


def assemble_trajectory(
    keyframes: list[Keyframe], poses: dict[int, np.ndarray]
) -> tuple[np.ndarray, Trajectory]:
    """(frame indices (N,), trajectory). Each frame follows its keyframe, in place and in scale.

    poses: S_world_keyframe by keyframe id. What the graph changed between a keyframe and the next
    is spread over the frames in between, in proportion to time, so that no step shows where one
    stretch ends.
    """
    indices: list[int] = []
    timestamps, T_world_camera = [], []
    for number, keyframe in enumerate(keyframes):
        following = keyframes[number + 1] if number + 1 < len(keyframes) else None
        correction = log_sim3(_correction(keyframe, following, poses))
        for frame in keyframe.frames:
            if indices and frame.frame_index == indices[-1]:
                continue  # shared by two segments
            indices.append(frame.frame_index)
            timestamps.append(frame.timestamp)
            share = 0.0
            if following is not None:
                span = following.timestamp - keyframe.timestamp
                share = (frame.timestamp - keyframe.timestamp) / span if span > 0 else 0.0
            S_world_keyframe = poses[keyframe.id] @ exp_sim3(share * correction)
            T_world_camera.append(S_world_keyframe @ frame.T_keyframe_camera)
    stacked = rigid_part(np.array(T_world_camera).reshape(-1, 4, 4))
    return np.array(indices, int), Trajectory(np.array(timestamps, float), stacked)


def _correction(
    keyframe: Keyframe, following: Keyframe | None, poses: dict[int, np.ndarray]
) -> np.ndarray:
    """(4, 4): what the graph adds, in the keyframe, to the motion of the frames in between."""
    if following is None or following.T_previous_keyframe is None:
        return np.eye(4)
    S_graph = inverse_similarity(poses[keyframe.id]) @ poses[following.id]
    return S_graph @ inverse(following.T_previous_keyframe)
