"""The sample room as a network camera shows it, and a frontend that knows where each image is from.

The number of an image is written into its top rows as bars, which survive JPEG.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from mapper.core.frame import Frame
from mapper.core.geometry import inverse
from mapper.core.prediction import Prediction
from mapper.core.trajectory import Trajectory
from mapper.frontends.base import TrackingState
from tests.support.room_views import Room

BAR_ROWS, BITS = 16, 8


def marked(image: np.ndarray, number: int) -> np.ndarray:
    """The image uint8 (H, W, 3) with its number, below 256, as eight bars at the top."""
    image = image.copy()
    bars = np.array([number >> bit & 1 for bit in range(BITS)], np.uint8) * 255
    image[:BAR_ROWS] = np.repeat(bars, image.shape[1] // BITS)[None, :, None]
    return image


def number_of(image: np.ndarray) -> int:
    bars = image[2 : BAR_ROWS - 2].mean(axis=(0, 2)).reshape(BITS, -1).mean(axis=1) > 127
    return int(sum(1 << bit for bit, bar in enumerate(bars) if bar))


class RoomFrontend:
    """True poses and depth of the image's number; its world is the first frame of each segment."""

    is_metric = True

    def __init__(self, room: Room, name: str = "room") -> None:
        self.name = name
        self.state = TrackingState.TRACKING
        self.values: dict[str, float] = {}
        self.numbers: dict[int, int] = {}  # of each frame index: which view of the room it was
        self.moments: dict[int, float] = {}  # of each frame index: its timestamp
        self.segment = 0
        self._room = room
        self._first: int | None = None

    def step(self, frame: Frame) -> list[Prediction]:
        number = number_of(frame.image)
        if self._first is None:
            self._first = number
        self.numbers[frame.index] = number
        self.moments[frame.index] = frame.timestamp
        T = self._room.relative(self._first, number)
        truth = self._room.prediction(number, T, self.segment)
        return [replace(truth, frame_index=frame.index, timestamp=frame.timestamp)]

    def flush(self) -> list[Prediction]:
        return []

    def reset(self) -> None:
        self.segment += 1
        self._first = None


def pose_errors(room: Room, frontend: RoomFrontend, mapped: Trajectory) -> np.ndarray:
    """Metres (N,) between the mapped poses and the truth, both seen from the first of them."""
    index_at = {round(moment, 5): index for index, moment in frontend.moments.items()}
    numbers = [frontend.numbers[index_at[round(float(t), 5)]] for t in mapped.timestamps]
    truth = np.array([room.relative(numbers[0], number) for number in numbers])
    moved = inverse(mapped.T_world_camera[0]) @ mapped.T_world_camera
    return np.linalg.norm(moved[:, :3, 3] - truth[:, :3, 3], axis=1)
