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
from mapper.rooms.movers import Arms, Mover, Nothing, Person
from mapper.rooms.part import Part
from mapper.rooms.renderer import RoomRenderer, View
from mapper.rooms.sensors.color_camera import GRAY, blurred_by_motion, noisy
from mapper.rooms.sensors.depth_camera import depth_size, sensed_depth
from mapper.rooms.sensors.sensor import Scene
from mapper.rooms.spec import CameraSpec, SequenceSpec, seeded
from mapper.rooms.walks.choice import draw_walk
from mapper.rooms.walks.jumps import Clock
from mapper.rooms.walks.walk import rotation_about

START_TIME: Final = 1000.0  # seconds; as in recordings, time does not start at 0
MIDDLE_GRAY: Final = 105.0  # that an automatic exposure aims at
GLANCES: Final = 8  # by which it is set
COARSE: Final = Intrinsics(26.0, 26.0, 15.5, 11.5, 32, 24)
BAND: Final = 1.5  # pixels by which the rows that are drawn at one time may be off
MOST_BANDS: Final = 40
NEAR: Final = 1.0  # metres, at which the camera's way is seen in pixels


@dataclass(frozen=True, slots=True)
class RoomFrame:
    """frame: as a sequence hands it out. T_world_camera: (4, 4), of the colour camera, when the
    middle row was exposed. depth: true, float32 (H, W), metres, of the same view. moving: bool
    (H, W), what is no part of the room. readings: the depth camera's own image, float32 (h, w)."""

    frame: Frame
    T_world_camera: np.ndarray
    depth: np.ndarray
    moving: np.ndarray
    readings: np.ndarray


class RoomSequence:
    """The frames of a spec, in any order and from any thread: the same spec, the same bytes.

    The world is the room: z is up, a corner of the floor is the origin. jump: the first frame
    after a break of the stream (kidnap, cut), or None.
    """

    def __init__(self, spec: SequenceSpec) -> None:
        self.spec = spec
        self.room = build_room(spec.room)
        self.intrinsics = intrinsics_of(spec.camera)
        self._depth_intrinsics = self.intrinsics.resized(*depth_size(spec.camera))
        self._renderer = RoomRenderer(self.room)
        clock = Clock.of(spec)
        self._times, self.jump = clock.times, clock.jump
        self._walk = draw_walk(spec, self._renderer, clock)
        self._mover = self._draw_mover()
        self._gains = self._usual_gain() * _gains(spec, self._times)

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
        time = float(self._times[index])
        T = self._walk.poses(np.array([time]))[0]
        moving = self._mover.parts(time, T)
        image, view = self._color(time, float(self._gains[index]), moving)
        if len(view.poses) > 1:  # the truth is of one moment
            view = self._renderer.view(T, self.intrinsics, moving)
        readings = self._depth(time, image, view, rng)
        frame = Frame(
            index,
            START_TIME + time,
            noisy(image, rng),
            fitted(readings, self.intrinsics.width, self.intrinsics.height),
            self.intrinsics,
        )
        return RoomFrame(frame, T, view.depth, view.part >= len(self.room.parts), readings)

    def _usual_gain(self) -> float:
        """What makes the middling picture of the walk neither dark nor bright."""
        times = np.linspace(self._times[0], self._times[-1], GLANCES)
        poses = self._walk.poses(times)
        images = [self._renderer.image(T, COARSE)[0] for T in poses]
        return float(MIDDLE_GRAY / max(np.mean(images), 10.0))

    def _draw_mover(self) -> Mover:
        rng = seeded(self.spec.seed, "moving")
        if self.spec.moving == "arms":
            return Arms(rng)
        if self.spec.moving == "person":
            T = self._walk.poses(self._times[len(self) // 2 :][:1])[0]
            free = self._renderer.view(T, self.intrinsics).depth
            return Person(T, float(np.median(free)), rng)
        return Nothing()

    def _color(self, time: float, gain: float, moving: tuple[Part, ...]) -> tuple[np.ndarray, View]:
        """A sharp or moved image without noise, each band of rows in its own moment."""
        camera = self.spec.camera
        ends = self._walk.poses(time + np.array([-0.5, 0.5]) * camera.readout)
        bands = int(np.clip(_moved(ends, self.intrinsics) / BAND, 1, MOST_BANDS))
        rows = (np.arange(bands) + 0.5) / bands - 0.5
        poses = self._walk.poses(time + camera.readout * rows)
        image, view = self._renderer.image(poses, self.intrinsics, moving, gain)
        shutter = self._walk.poses(time + np.array([-0.5, 0.5]) * camera.exposure)
        return blurred_by_motion(image, view.depth, (shutter[0], shutter[1]), self.intrinsics), view

    def _depth(
        self, time: float, image: np.ndarray, truth: View, rng: np.random.Generator
    ) -> np.ndarray:
        """Readings of the depth camera, which looks a little beside and a little later."""
        camera, intrinsics = self.spec.camera, self._depth_intrinsics
        later = time + camera.delay
        T_color = self._walk.poses(np.array([later]))[0]
        moving = self._mover.parts(later, T_color)
        view = truth
        if any(camera.misplaced) or camera.delay or depth_size(camera) != image.shape[1::-1]:
            view = self._renderer.view(T_color @ _misplaced(camera), intrinsics, moving)
        dropout, reflectance = _tables((*self.room.parts, *moving))
        gray = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)
        scene = Scene(
            view.depth,
            view.slant,
            view.normals_at,
            view.of_faces(dropout[view.surfaces.part], dropout[-1]),
            view.of_faces(reflectance[view.surfaces.part], reflectance[-1]),
            cv2.resize(gray, (intrinsics.width, intrinsics.height), interpolation=cv2.INTER_AREA),
            intrinsics,
            camera,
        )
        return sensed_depth(scene, rng)


def fitted(readings: np.ndarray, width: int, height: int) -> np.ndarray:
    """Depth (h, w) sampled to the size of the image, as the reader of such a folder does it."""
    if readings.shape == (height, width):
        return readings
    rows = (2 * np.arange(height) + 1) * readings.shape[0] // (2 * height)
    columns = (2 * np.arange(width) + 1) * readings.shape[1] // (2 * width)
    return np.ascontiguousarray(readings[rows[:, None], columns])


def _tables(parts: tuple[Part, ...]) -> tuple[np.ndarray, np.ndarray]:
    """Dropout and reflectance of parts, float32 (P,); in infrared light most things are paler."""
    colors = np.array([part.color for part in parts])
    dropout = np.array([part.dropout for part in parts], np.float32)
    return dropout, (0.1 + 0.65 * colors @ np.array(GRAY)).astype(np.float32)


def intrinsics_of(camera: CameraSpec) -> Intrinsics:
    """Square pixels; the principal point is a little off the middle."""
    focal = 0.5 * camera.width / np.tan(np.radians(camera.view) / 2)
    return Intrinsics(
        focal, focal, 0.4985 * camera.width, 0.497 * camera.height, camera.width, camera.height
    )


def _moved(ends: np.ndarray, intrinsics: Intrinsics) -> float:
    """Pixels by which the picture moves between two poses (2, 4, 4)."""
    way = np.linalg.norm(ends[1, :3, 3] - ends[0, :3, 3]) / NEAR
    turn = np.linalg.norm(ends[1, :3, :3] - ends[0, :3, :3]) / np.sqrt(2)  # radians, if small
    return float(intrinsics.fx * (way + turn))


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
