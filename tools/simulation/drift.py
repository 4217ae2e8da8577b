"""Poses and scales that wander off, as those of a streaming model do."""

from __future__ import annotations

import itertools
from dataclasses import dataclass

import numpy as np
from scipy.spatial.transform import Rotation

from mapper.core.geometry import inverse, orthonormalised
from simulation.config import DriftConfig
from simulation.processes import Stream, correlated_noise, generator, with_tails


@dataclass(frozen=True, slots=True)
class Drift:
    """T_previous_frame: float64 (N, 4, 4), the motions as the model sees them; the first unused.

    scale: float64 (N,), what depth and translation of each frame are multiplied by.
    """

    T_previous_frame: np.ndarray
    scale: np.ndarray

    def poses(self, frames: list[int], scale: float = 1.0) -> np.ndarray:
        """T_first_frame (len(frames), 4, 4) of increasing frames; the world is the first's."""
        T = np.eye(4)
        result = [T]
        for previous, frame in itertools.pairwise(frames):
            for i in range(previous + 1, frame + 1):
                T = T @ self.T_previous_frame[i]
            result.append(T)
        poses = orthonormalised(np.array(result))
        poses[:, :3, 3] *= scale
        return poses


def simulate_drift(T_world_camera: np.ndarray, config: DriftConfig, seed: int) -> Drift:
    """True poses (N, 4, 4) as wrong relative motions.

    Rotation and translation of each motion get errors of an Ornstein-Uhlenbeck process, so that
    poses follow an integrated one; the logarithm of the scale is an integrated one as well.
    """
    count = len(T_world_camera)

    def errors(stream: Stream, size: int) -> np.ndarray:
        rng = generator(seed, stream)
        return correlated_noise(rng, count, size, config.correlation_frames)

    log_step = config.log_scale * errors(Stream.SCALE, 1)[:, 0]
    log_step[:1] = 0.0
    scale = np.exp(np.cumsum(log_step))
    turns = with_tails(errors(Stream.ROTATION, 3), config.rotation_tails)
    shifts = with_tails(errors(Stream.TRANSLATION, 3), config.translation_tails)
    omega = np.radians(config.rotation_deg) * turns
    motion = np.tile(np.eye(4), (count, 1, 1))
    motion[1:] = inverse(T_world_camera[:-1]) @ T_world_camera[1:]
    motion[:, :3, :3] = motion[:, :3, :3] @ Rotation.from_rotvec(omega).as_matrix()
    motion[:, :3, 3] += config.translation * shifts
    motion[:, :3, 3] *= scale[:, None]
    return Drift(motion, scale)
