"""An image on its way through the map."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import cv2

from mapper.core.frame import Frame
from mapper.frontends.mono.geometry.rolling import STANDING
from mapper.frontends.mono.mapping.following import Placed
from mapper.frontends.mono.tracking.fields import one_field
from mapper.frontends.mono.tracking.levels import Levels
from mapper.vision.image_sizes import reduced_mask

if TYPE_CHECKING:
    import numpy as np
    from jaxtyping import Bool, Float64, Int64, UInt8


@dataclass(eq=False)
class Record:
    """An image and what came of it. image: uint8 (h, w, 3), RGB, small and as the lens saw it.

    grey: blurred, until it is tracked. mask: of grey, until it is answered; None = all is used.
    T: T_camera_world (3, 4) as last known; None = not placed.
    ids, pixels, weights: of the points that place it. keyframe: its number, if it is one.
    was_lost: so it was said of it when it came.
    information: of a twist from the left of T, once it was placed again. velocity: see rolling.py.
    answered: the ids of points that a keyframe saw when it was answered, and how deep they were.
    """

    index: int
    timestamp: float
    image: UInt8[np.ndarray, "h w 3"] | None
    grey: UInt8[np.ndarray, "H W"] | None
    T: Float64[np.ndarray, "3 4"] | None = None
    ids: Int64[np.ndarray, " n"] | None = None
    pixels: Float64[np.ndarray, "n 2"] | None = None
    weights: Float64[np.ndarray, " n"] | None = None
    keyframe: int | None = None
    was_lost: bool = False
    information: Float64[np.ndarray, "6 6"] | None = None
    velocity: Float64[np.ndarray, " 6"] = field(default_factory=lambda: STANDING)
    answered: tuple[Int64[np.ndarray, " m"], Float64[np.ndarray, " m"]] | None = None
    mask: Bool[np.ndarray, "H W"] | None = None

    @classmethod
    def of(cls, frame: Frame, size: tuple[int, int], small: tuple[int, int]) -> Record:
        """size: (width, height) at which it is tracked; small: of the image that is kept."""
        whole = one_field(frame.image)
        levels = Levels.of(whole, *size)
        image = cv2.resize(whole, small, interpolation=cv2.INTER_AREA)
        mask = None if frame.mask is None else reduced_mask(frame.mask, size)
        return cls(frame.index, frame.timestamp, image, levels.grey, mask=mask)

    def fill(self, placed: Placed) -> None:
        """What placed it."""
        self.T, self.ids = placed.T, placed.ids
        self.pixels, self.weights = placed.pixels, placed.weights
        self.velocity = placed.velocity

    @property
    def levels(self) -> Levels:
        """What the tracker sees of it, until it is tracked."""
        assert self.grey is not None
        return Levels.of_grey(self.grey, self.mask)
