"""The images that wait: grey files for matching, small colour images for depth."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import cv2
import numpy as np

from mapper.core.frame import Frame
from mapper.core.intrinsics import Intrinsics
from mapper.errors import InputError
from mapper.frontends.mono.depth.answers import reduced_size
from mapper.frontends.sfm.config import SfmConfig
from mapper.vision.image_sizes import reduced_mask

if TYPE_CHECKING:
    from jaxtyping import Bool, UInt8


@dataclass(frozen=True, slots=True, eq=False)
class Photograph:
    """image: uint8 (h, w, 3), of the depth map's size, not yet undistorted. name: of its file.

    mask: of the image; None = all of it is to be used.
    """

    index: int
    timestamp: float
    image: UInt8[np.ndarray, "h w 3"]
    name: str
    mask: Bool[np.ndarray, "h w"] | None = None


class Photographs:
    """At most so many, all of one size and one camera; the files go with it.

    size: (width, height) that is worked on. camera: of that size, if it is known.
    """

    def __init__(self, config: SfmConfig) -> None:
        self._config = config
        self._folder = TemporaryDirectory(prefix="mapper-sfm-")
        self._seen: tuple[int, int] | None = None
        self.size = (0, 0)
        self.camera: Intrinsics | None = None
        self.all: list[Photograph] = []

    @property
    def folder(self) -> Path:
        """Where the files are, and others may be put."""
        return Path(self._folder.name)

    @property
    def masks(self) -> Path:
        """Where the masks are; no such folder where there are none."""
        return self.folder / "masks"

    def add(self, frame: Frame) -> None:
        """Raises InputError for one too many, and for one of another size."""
        if len(self.all) == self._config.max_frames:
            raise InputError(
                f"sfm matches all images in the end, and more than {self._config.max_frames} are "
                "too many: take every N-th with --stride, or raise sfm.max_frames"
            )
        height, width = frame.image.shape[:2]
        if self._seen not in (None, (width, height)):
            raise InputError(
                f"frame {frame.index} is {width}x{height}: the images before it had another size"
            )
        if self._seen is None:
            self._seen = width, height
            self.size = reduced_size(width, height, self._config.max_side)
            if frame.intrinsics is not None:
                self.camera = frame.intrinsics.resized(*self.size)
        grey = cv2.cvtColor(frame.image, cv2.COLOR_RGB2GRAY)
        if self._seen != self.size:
            grey = cv2.resize(grey, self.size, interpolation=cv2.INTER_AREA)
        small = reduced_size(*self.size, self._config.depth_width)
        image = cv2.resize(frame.image, small, interpolation=cv2.INTER_AREA)
        name = f"{len(self.all):06d}.png"
        cv2.imwrite(str(self.folder / name), grey)
        mask = None
        if frame.mask is not None:
            mask = reduced_mask(frame.mask, small)
            self._write_mask(name, reduced_mask(frame.mask, self.size))
        self.all.append(Photograph(frame.index, frame.timestamp, image, name, mask))

    def _write_mask(self, name: str, mask: Bool[np.ndarray, "h w"]) -> None:
        """Beside the images, where COLMAP finds it by the image's name."""
        self.masks.mkdir(exist_ok=True)
        white = np.where(mask, np.uint8(255), np.uint8(0))
        cv2.imwrite(str(self.masks / f"{name}.png"), white)

    def close(self) -> None:
        """Delete the files."""
        self._folder.cleanup()
