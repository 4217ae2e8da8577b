"""Poses of all frames from the poses of their keyframes."""

from __future__ import annotations

import numpy as np
from scipy.spatial.transform import Rotation

from mapper.backend.keyframe import Keyframe
from mapper.geometry import inverse, orthonormalised, pose
from mapper.trajectory import Trajectory


def assemble_trajectory(
    keyframes: list[Keyframe], poses: dict[int, np.ndarray]
) -> tuple[np.ndarray, Trajectory]:
    """(frame indices (N,), trajectory). Each frame follows its keyframe.

    What the graph changed between a keyframe and the next is spread over the frames in between,
    in proportion to time, so that no step shows where one stretch ends.
    """
    indices: list[int] = []
    timestamps, T_world_camera = [], []
    for number, keyframe in enumerate(keyframes):
        following = keyframes[number + 1] if number + 1 < len(keyframes) else None
        correction = _correction(keyframe, following, poses)
        for frame in keyframe.frames:
            if indices and frame.frame_index == indices[-1]:
                continue  # shared by two segments
            indices.append(frame.frame_index)
            timestamps.append(frame.timestamp)
            share = 0.0
            if following is not None:
                span = following.timestamp - keyframe.timestamp
                share = (frame.timestamp - keyframe.timestamp) / span if span > 0 else 0.0
            T_world_keyframe = poses[keyframe.id] @ _partial(correction, share)
            T_world_camera.append(orthonormalised(T_world_keyframe @ frame.T_keyframe_camera))
    stacked = np.array(T_world_camera).reshape(-1, 4, 4)
    return np.array(indices, int), Trajectory(np.array(timestamps, float), stacked)


def _correction(
    keyframe: Keyframe, following: Keyframe | None, poses: dict[int, np.ndarray]
) -> np.ndarray:
    """(4, 4): what the graph's relative pose adds, in the keyframe, to the frontend's."""
    if following is None or following.segment != keyframe.segment:
        return np.eye(4)
    T_graph = inverse(poses[keyframe.id]) @ poses[following.id]
    T_odometry = inverse(keyframe.T_odometry_keyframe) @ following.T_odometry_keyframe
    return T_graph @ inverse(T_odometry)


def _partial(correction: np.ndarray, share: float) -> np.ndarray:
    """The given share of a small motion: rotation vector and translation scaled."""
    rotation = Rotation.from_matrix(correction[:3, :3]).as_rotvec() * share
    return pose(Rotation.from_rotvec(rotation).as_matrix(), correction[:3, 3] * share)
