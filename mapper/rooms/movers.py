"""What moves through the picture: a person who walks by, the wearer's own arms."""

from __future__ import annotations

from typing import Final, Protocol

import numpy as np
from scipy.spatial.transform import Rotation

from mapper.core.geometry import transform
from mapper.rooms.part import Material, Part, cylinder, ellipsoid, rotation_z

SKIN: Final = (0.78, 0.58, 0.46)
STRIDE: Final = 0.9  # strides a second
PASS: Final = 3.0  # metres to and fro


class Mover(Protocol):
    """Something that is not part of the room."""

    def parts(self, time: float, T_room_camera: np.ndarray) -> tuple[Part, ...]:
        """As they stand at a time, in seconds, while the camera (4, 4) is there."""


class Nothing:
    """Nobody is there."""

    def parts(self, time: float, T_room_camera: np.ndarray) -> tuple[Part, ...]:
        """None."""
        return ()


class Arms:
    """Both of the wearer's, waving before the camera."""

    def __init__(self, rng: np.random.Generator) -> None:
        self._frequencies = rng.uniform(0.3, 0.9, (2, 3))
        self._phases = rng.uniform(0, 2 * np.pi, (2, 3))
        sleeve = tuple(rng.uniform(0.1, 0.8, 3))
        self._sleeve = ellipsoid((0, 0, 0), (0.1, 0.1, 0.42), Material.FABRIC, sleeve)
        self._hand = ellipsoid((0, 0, 0), (0.09, 0.05, 0.19), Material.PAINT, SKIN)

    def parts(self, time: float, T_room_camera: np.ndarray) -> tuple[Part, ...]:
        """They come in from below, 40 to 60 cm before the camera."""
        result = []
        for arm, side in enumerate((-1.0, 1.0)):
            waves = np.sin(2 * np.pi * self._frequencies[arm] * time + self._phases[arm])
            hand = np.array([0.12 * side, 0.12, 0.5]) + np.array([0.1, 0.13, 0.08]) * waves
            elbow = np.array([0.28 * side, 0.38, 0.28])
            along = (hand - elbow) / np.linalg.norm(hand - elbow)
            for part, center in (
                (self._hand, hand + 0.08 * along),
                (self._sleeve, hand - 0.2 * along),
            ):
                turn = T_room_camera[:3, :3] @ _turned_to(along)
                result.append(_moved(part, transform(T_room_camera, center), turn))
        return tuple(result)


class Person:
    """Walks to and fro across the view of a camera."""

    def __init__(self, T_room_camera: np.ndarray, depth: float, rng: np.random.Generator) -> None:
        """T_room_camera (4, 4): whose view is crossed. depth: metres of free way before it."""
        ahead = T_room_camera[:3, 2] * (1, 1, 0)
        ahead /= max(float(np.linalg.norm(ahead)), 1e-6)
        away = float(np.clip(rng.uniform(1.2, 2.2), 0.8, max(0.6 * depth, 0.8)))
        self._middle = T_room_camera[:3, 3] * (1, 1, 0) + away * ahead
        self._across = rotation_z(np.pi / 2 + rng.uniform(-0.4, 0.4)) @ ahead
        self._speed, self._start = rng.uniform(0.7, 1.2), rng.uniform(0, 2 * PASS)
        coat, trousers = (tuple(rng.uniform(0.05, 0.8, 3)) for _ in range(2))
        self._body = (
            (ellipsoid((0, 0, 0), (0.30, 0.46, 0.72), Material.FABRIC, coat), (0, 0, 1.15)),
            (ellipsoid((0, 0, 0), (0.20, 0.17, 0.25), Material.PAINT, SKIN), (0, 0, 1.65)),
        )
        self._leg = cylinder((0, 0, 0), 0.08, 0.86, Material.FABRIC, trousers)
        self._arm = cylinder((0, 0, 0), 0.05, 0.62, Material.FABRIC, coat)

    def parts(self, time: float, T_room_camera: np.ndarray) -> tuple[Part, ...]:
        """Legs and arms swing."""
        way = (self._speed * time + self._start) % (2 * PASS)
        forth = way < PASS
        along = (way if forth else 2 * PASS - way) - PASS / 2
        facing = self._across if forth else -self._across
        turn = rotation_z(float(np.arctan2(facing[1], facing[0])))
        feet = self._middle + along * self._across
        swing = 0.45 * np.sin(2 * np.pi * STRIDE * time)
        result = [_moved(part, feet + turn @ center, turn) for part, center in self._body]
        for side in (-1.0, 1.0):
            for part, hip, size in (
                (self._leg, (0.0, 0.1 * side, 0.86), side),
                (self._arm, (0.0, 0.27 * side, 1.42), -side),
            ):
                swung = turn @ Rotation.from_euler("y", size * swing).as_matrix()
                hang = np.array([0.0, 0.0, -0.5 * part.size[2]])
                result.append(_moved(part, feet + turn @ np.array(hip) + swung @ hang, swung))
        return tuple(result)


def _turned_to(along: np.ndarray) -> np.ndarray:
    """A rotation (3, 3) whose z axis is the direction (3,)."""
    side = np.cross(along, (0.0, 0.0, 1.0))
    side /= max(float(np.linalg.norm(side)), 1e-6)
    return np.stack([side, np.cross(along, side), along], axis=1)


def _moved(part: Part, origin: np.ndarray, turn: np.ndarray) -> Part:
    return Part(
        part.vertices,
        part.normals,
        part.faces,
        part.size,
        np.asarray(origin, float),
        0.0,
        part.material,
        part.color,
        part.accent,
        part.dropout,
        turn,
        part.seed,
    )
