"""Where the images and depths of a capture come from."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import cv2
import numpy as np

from mapper.io.sequences.captures.depth_sampling import confident
from mapper.io.sequences.decode import decode, read_bytes, read_depth, read_image


class FrameSource(Protocol):
    """Images and depths by number, as they are stored: distorted, of any size."""

    @property
    def has_depth(self) -> bool:
        """Whether `depth` may be asked for."""

    def color(self, index: int) -> np.ndarray:
        """uint8 (H, W, 3), RGB."""

    def depth(self, index: int) -> np.ndarray:
        """float32 (h, w), metres, 0 = no reading or one that the sensor doubts."""

    def files(self, index: int) -> tuple[Path, ...]:
        """The files from which a frame is read."""

    def close(self) -> None:
        """Release open files."""


@dataclass(frozen=True, slots=True)
class StoredFrames:
    """One colour file, and perhaps one of depth and one of its confidence, a frame.

    depth_scale: units a metre of whole numbers. read_depth: of a file, float32 (h, w) in metres,
    where depth is no image.
    """

    color_paths: tuple[Path, ...]
    depth_paths: tuple[Path, ...] = ()
    depth_scale: float = 1000.0
    confidence_paths: tuple[Path, ...] = ()
    read_depth: Callable[[Path], np.ndarray] | None = None

    @property
    def has_depth(self) -> bool:
        """See FrameSource."""
        return bool(self.depth_paths)

    def color(self, index: int) -> np.ndarray:
        """See FrameSource."""
        return read_image(self.color_paths[index], as_stored=True)

    def depth(self, index: int) -> np.ndarray:
        """See FrameSource."""
        path = self.depth_paths[index]
        depth = self.read_depth(path) if self.read_depth else read_depth(path, self.depth_scale)
        if not self.confidence_paths:
            return depth
        path = self.confidence_paths[index]
        return confident(depth, decode(read_bytes(path), path, cv2.IMREAD_GRAYSCALE), str(path))

    def files(self, index: int) -> tuple[Path, ...]:
        """See FrameSource."""
        paths = (self.color_paths, self.depth_paths, self.confidence_paths)
        return tuple(path for part in paths for path in part[index : index + 1])

    def close(self) -> None:
        """Nothing stays open."""
