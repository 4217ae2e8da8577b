"""The camera of a sequence: given, or looked for in its first images."""

from __future__ import annotations

import logging

from mapper.core.frame import Frame
from mapper.frontends.mono.calibration.focal_finder import FocalFinder
from mapper.frontends.mono.calibration.known import KnownCamera, Source
from mapper.frontends.mono.geometry.lens import Lens
from mapper.frontends.mono.tracking.flow import FlowTracker
from mapper.frontends.mono.tracking.levels import Levels

logger = logging.getLogger(__name__)


class CameraSearch:
    """focal: pixels, as the settings say; 0 = they do not."""

    def __init__(self, flow: FlowTracker, focal: float) -> None:
        self._flow, self._focal = flow, focal
        self._finder: FocalFinder | None = None
        self._size = (0, 0)

    def offer(self, levels: Levels, frame: Frame) -> KnownCamera | None:
        """Another image, and the frame that it is of; the camera once it is known."""
        height, width = levels.grey.shape
        self._size = width, height
        if frame.intrinsics is not None:
            return KnownCamera.given(frame.intrinsics, width, height)
        if self._focal:
            return KnownCamera(Lens.guessed(self._focal, width, height), Source.GIVEN)
        if frame.exif_focal:
            camera = KnownCamera.by_exif(frame.exif_focal, width, height)
            logger.info("%s", camera.in_words)
            return camera
        self._finder = self._finder or FocalFinder(self._flow, width, height)
        return None if self._finder.offer(levels) is None else self.finish()

    def finish(self) -> KnownCamera | None:
        """By the images that there were; None where there was none."""
        if self._finder is None:
            return None
        camera = KnownCamera.found(self._finder.found(), *self._size)
        logger.info("%s", camera.in_words)
        return camera
