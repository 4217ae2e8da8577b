"""The interface by which a layout of saved predictions is read: one file an adapter."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Literal, Protocol

import numpy as np

from mapper.core.depth_noise import LEARNED, DepthNoise

if TYPE_CHECKING:
    from jaxtyping import Float, Shaped

PoseDirection = Literal["c2w", "w2c"]
Axes = Literal["opencv", "opengl"]


@dataclass(frozen=True, slots=True)
class Conventions:
    """What the numbers of a layout mean, unless the user knows better.

    pose: camera to world, or world to camera. axes: of cameras, and of points that are stored in
    their camera. is_metric: metres, else one unknown unit for depths and positions. confidence:
    what it is, in words; a larger one is better, whatever it is.
    """

    pose: PoseDirection = "c2w"
    axes: Axes = "opencv"
    is_metric: bool = False
    confidence: str = "none is stored: all points count alike"


@dataclass(frozen=True, slots=True)
class Piece:
    """What is stored of one frame, as it is stored.

    depth: (h, w), along the camera's axis. points: (h, w, 3), in the camera or in the world; one of
    the two at least, and the points count. pose: (3, 4) or (4, 4). intrinsics: (3, 3), pixels of
    the maps. image: uint8 (H, W, 3), RGB. timestamp: seconds. segment, descriptor, noise: see
    Prediction.
    """

    depth: Float[np.ndarray, "h w"] | None = None
    points: Float[np.ndarray, "h w 3"] | None = None
    points_in: Literal["camera", "world"] = "camera"
    confidence: Float[np.ndarray, "h w"] | None = None
    pose: Float[np.ndarray, "r 4"] | None = None
    intrinsics: Float[np.ndarray, "3 3"] | None = None
    image: Shaped[np.ndarray, "H W 3"] | None = None
    timestamp: float | None = None
    segment: int = 0
    descriptor: Shaped[np.ndarray, " d"] | None = None
    noise: DepthNoise = field(default=LEARNED)


class Source(Protocol):
    """Predictions that were opened; read one frame at a time, mostly in order.

    conventions: of this one. count: of the frames that they are of, None where frames may be
    missing. has_poses: whether there is a pose for each.
    """

    conventions: Conventions
    count: int | None
    has_poses: bool

    def pieces(self, index: int) -> list[Piece]:
        """Of the sequence's frame; none where it was lost, several where segments share it.

        Raises InputError with the file and what is wrong.
        """
        ...


class Adapter(Protocol):
    """A layout. name: for predictions.adapter. what: it is, for a list."""

    name: str
    what: str

    def detect(self, path: Path) -> bool:
        """Whether a file or folder looks like it, by names alone; raises nothing."""
        ...

    def open(self, path: Path) -> Source:
        """Raises InputError that names what is missing."""
        ...
