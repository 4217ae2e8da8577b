"""The frames of a sequence by seed, with everything that is true of them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Final

import cv2
import numpy as np

from mapper.core.frame import Frame
from mapper.core.geometry import pose
from mapper.core.intrinsics import Intrinsics
from mapper.core.mesh import Mesh
from mapper.core.trajectory import Trajectory
from mapper.rooms.layout import build_room
from mapper.rooms.renderer import RoomRenderer, View
from mapper.rooms.sensors.color_camera import GRAY, blurred_by_motion, noisy
from mapper.rooms.sensors.depth_camera import sensed_depth
from mapper.rooms.sensors.sensor import Scene
from mapper.rooms.spec import CameraSpec, SequenceSpec, seeded
from mapper.rooms.walks.choice import draw_walk
from mapper.rooms.walks.walk import rotation_about

START_TIME: Final = 1000.0  # seconds; as in recordings, time does not start at 0
BANDS: Final = 12  # of rows that a rolling shutter takes at one time


@dataclass(frozen=True, slots=True)
class RoomFrame:
    """frame: as a sequence hands it out. T_world_camera: (4, 4), of the colour camera, when the
    middle row was exposed. depth: true, float32 (H, W), metres, of the same view. moving: bool
    (H, W), what is no part of the room."""

    frame: Frame
    T_world_camera: np.ndarray
    depth: np.ndarray
    moving: np.ndarray


class RoomSequence:
    """The frames of a spec, in any order and from any thread: the same spec, the same bytes.

    The world is the room: z is up, a corner of the floor is the origin.
    """

    def __init__(self, spec: SequenceSpec) -> None:
        self.spec = spec
        self.room = build_room(spec.room)
        self.intrinsics = intrinsics_of(spec.camera)
        self._renderer = RoomRenderer(self.room)
        self._walk = draw_walk(spec, self._renderer)
        self._times = np.arange(spec.frames) / spec.rate
        self._gains = _gains(spec, self._times)

    def __len__(self) -> int:
        return self.spec.frames

    def __iter__(self) -> Iterator[RoomFrame]:
        return (self[index] for index in range(len(self)))

    @cached_property
    def ground_truth(self) -> Trajectory:
        """The colour camera's poses, one a frame."""
        return Trajectory(START_TIME + self._times, self._walk.poses(self._times))

    def mesh(self) -> Mesh:
        """The exact surfaces of the room, world frame."""
        return self.room.mesh()

    def __getitem__(self, index: int) -> RoomFrame:
        if not 0 <= index < len(self):
            raise IndexError(index)
        rng = seeded(self.spec.seed, "frame", index)
        time, camera = self._times[index], self.spec.camera
        image, view = self._color(time, float(self._gains[index]))
        T = self._walk.poses(np.array([time]))[0]
        seen = self._seen_by_depth(time)
        gray = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)
        depth = sensed_depth(self._scene(seen, gray), rng)
        frame = Frame(index, START_TIME + time, noisy(image, rng), depth, self.intrinsics)
        true = view if camera.readout == 0 else self._renderer.view(T, self.intrinsics)
        moving = true.part >= len(self.room.parts)
        return RoomFrame(frame, T, true.depth, moving)

    def _color(self, time: float, gain: float) -> tuple[np.ndarray, View]:
        """A sharp or moved image without noise, each band of rows in its own moment."""
        camera = self.spec.camera
        bands = BANDS if camera.readout else 1
        rows = (np.arange(bands) + 0.5) / bands - 0.5
        poses = self._walk.poses(time + camera.readout * rows)
        image, view = self._renderer.image(poses, self.intrinsics, exposure=gain)
        shutter = self._walk.poses(time + np.array([-0.5, 0.5]) * camera.exposure)
        ends = (shutter[0], shutter[1])
        return blurred_by_motion(image, view.depth, ends, self.intrinsics), view

    def _seen_by_depth(self, time: float) -> tuple[View, np.ndarray]:
        """What the depth camera meets, and T_room_depth: a little beside and a little later."""
        camera = self.spec.camera
        T = self._walk.poses(np.array([time + camera.delay]))[0] @ _misplaced(camera)
        return self._renderer.view(T, self.intrinsics), T

    def _scene(self, seen: tuple[View, np.ndarray], gray: np.ndarray) -> Scene:
        view, T = seen
        return Scene(
            view.depth,
            view.slant,
            view.normals @ T[:3, :3].astype(np.float32),
            self._dropout[view.part],
            self._reflectance[view.part],
            gray,
            self.intrinsics,
            self.spec.camera,
        )

    @cached_property
    def _dropout(self) -> np.ndarray:
        return np.array([part.dropout for part in self.room.parts], np.float32)

    @cached_property
    def _reflectance(self) -> np.ndarray:
        """float32 (P,): of infrared light, in which most things are paler."""
        colors = np.array([part.color for part in self.room.parts])
        return (0.1 + 0.65 * colors @ np.array(GRAY)).astype(np.float32)


def intrinsics_of(camera: CameraSpec) -> Intrinsics:
    """Square pixels; the principal point is a little off the middle."""
    focal = 0.5 * camera.width / np.tan(np.radians(camera.view) / 2)
    return Intrinsics(
        focal, focal, 0.4985 * camera.width, 0.497 * camera.height, camera.width, camera.height
    )


def _misplaced(camera: CameraSpec) -> np.ndarray:
    """T_color_depth (4, 4), of which the sequence says that it is the identity."""
    values = np.array(camera.misplaced)
    return pose(rotation_about(np.radians(values[3:])), values[:3])


def _gains(spec: SequenceSpec, times: np.ndarray) -> np.ndarray:
    """float64 (N,): factors on the light; an automatic exposure wanders and, at times, jumps."""
    rng = seeded(spec.seed, "gains")
    swing = spec.camera.gain_swing
    slow = np.sin(2 * np.pi * (rng.uniform(0.1, 0.4) * times + rng.random()))
    jumps = np.sort(rng.uniform(times[0], times[-1], 2))
    step = np.array([0.0, *rng.uniform(-1, 1, 2)])[np.searchsorted(jumps, times)]
    return np.exp(swing * (0.5 * slow + step))
