"""Rooms to learn from: made up by a seed, rendered once, one file each.

Seeds of training, validation and test are apart for ever, and from those of the gauntlet.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

import numpy as np

from mapper.rooms import RoomSequence, SequenceSpec, draw_sequence
from mapper.runtime.atomic_files import atomic_write

Split = Literal["train", "validation", "test"]
FIRST_SEEDS: Final[dict[Split, int]] = {
    "train": 1_000_000,
    "validation": 2_000_000,
    "test": 3_000_000,
}
PATHS: Final = ("hand_held", "head_worn", "robot", "rotation")


@dataclass(frozen=True, slots=True)
class RoomFiles:
    """What is drawn of each room.

    size: (W, H) pixels. frames: of each file. walk: frames of the walk, of which they are a stretch
    that the seed draws; 0 = all of it. A walk goes once around whatever it takes: a short one turns
    much and hardly moves, and what it shows tells little of how far it went.
    """

    split: Split
    size: tuple[int, int] = (112, 84)
    frames: int = 48
    walk: int = 0

    def spec(self, number: int) -> SequenceSpec:
        """The number-th room of the split: nothing in it moves, and the way never breaks."""
        seed = FIRST_SEEDS[self.split] + number
        width, height = self.size
        return draw_sequence(
            seed,
            path=PATHS[seed % len(PATHS)],
            moving="nothing",
            width=width,
            height=height,
            frames=max(self.walk, self.frames),
        )

    def stretch(self, number: int) -> range:
        """The frames of the number-th room's walk that its file holds."""
        left = max(self.walk - self.frames, 0)
        first = int(np.random.default_rng([FIRST_SEEDS[self.split] + number]).integers(left + 1))
        return range(first, first + self.frames)

    def path(self, number: int, folder: Path) -> Path:
        """Of a room's file."""
        return folder / f"{self.split}_{number:05d}.npz"

    def write(self, number: int, folder: Path) -> Path:
        """Render a room; the path of its file, which is whole or not there."""
        path = self.path(number, folder)
        sequence = RoomSequence(self.spec(number))
        rendered = [sequence[index] for index in self.stretch(number)]
        with atomic_write(path, "wb") as file:
            np.savez(
                file,
                images=np.stack([each.frame.image for each in rendered]),
                depth=np.stack([each.depth for each in rendered]).astype(np.float16),
                T_world_camera=np.stack([each.T_world_camera for each in rendered]),
                intrinsics=sequence.intrinsics.matrix,
            )
        return path
