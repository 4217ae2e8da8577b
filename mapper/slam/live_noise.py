"""What a live camera's depth is taken for, where only its first image can tell."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from mapper.core.camera_noise import CameraNoise
from mapper.core.frame import Frame
from mapper.vision.noise_estimate import estimated_noise


class LiveNoise:
    """camera: as it is known; None until an image with depth has come where nobody tells.

    note: told what the first image with depth was found to be.
    """

    def __init__(self, camera: CameraNoise | None, note: Callable[[CameraNoise], None]) -> None:
        self.camera = camera
        self._note = note

    def carried_by(self, frame: Frame) -> Frame:
        """The frame with the noise of its depth."""
        if frame.depth is None:
            return frame
        if self.camera is None:
            self.camera = estimated_noise([frame.depth])
            self._note(self.camera)
        return replace(frame, noise=self.camera.noise)
