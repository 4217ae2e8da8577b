"""What is worth telling of a run in colour: the camera that was found, and what looks doubtful."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np

from mapper.frontends.mono.calibration.known import KnownCamera, Source

HIGH_RMS: Final = 1.0  # pixels
FEW_WINDOWS: Final = 8
APART: Final = 1.1  # times: focal lengths that one camera does not have
TOLD_READOUT: Final = 0.004  # seconds: less may be next to nothing
LOW_KEPT: Final = 0.3  # of the pixels of a depth map
MOVING: Final = 0.6  # of the points that should show: with fewer found something moves
MOVING_FRAMES: Final = 10


@dataclass
class Findings:
    """camera: as known in the end. rms: pixels, of the last adjustment. kept: shares of pixels with
    depth, of the depth maps. focals: lengths that the segments were told with, pixels. moving: the
    most frames in a row that found few points. loops: views of places of another time that tie
    the map together."""

    camera: KnownCamera | None = None
    rms: float = 0.0
    kept: list[float] = field(default_factory=list)
    focals: list[float] = field(default_factory=list)
    moving: int = 0
    loops: int = 0
    _now: int = 0

    def frame(self, found: int, visible: int) -> None:
        """A frame was placed by so many points of those that should show."""
        self._now = self._now + 1 if found < MOVING * visible else 0
        self.moving = max(self.moving, self._now)

    def metrics(self) -> dict[str, Any]:
        """For metrics.json; pixels of the images as they were worked on."""
        if self.camera is None:
            return {}
        lens = self.camera.lens
        camera = {
            "fx": lens.fx, "fy": lens.fy, "cx": lens.cx, "cy": lens.cy, "k1": lens.k1,
            "width": lens.width, "height": lens.height, "source": self.camera.source.value,
            "windows": self.camera.windows, "rms_px": self.rms, "readout_s": lens.readout,
        }  # fmt: skip
        return {"found_camera": camera, "depth_share": self._kept, "adjusted_loops": self.loops}

    def notes(self) -> list[str]:
        """Sentences for whoever mapped the sequence."""
        if self.camera is None:
            return []
        lens = self.camera.lens
        found = [
            f"camera: {self.camera.in_words}, radial term {lens.k1:.3f}; points are off by "
            f"{self.rms:.2f} px; {self._kept:.0%} of the pixels of keyframes have depth; colour "
            "alone does not tell how large the map is"
        ]
        if abs(lens.readout) > TOLD_READOUT:
            found.append(
                f"the rows of an image are read out over {1000 * lens.readout:.0f} ms (a rolling "
                "shutter), which poses and depth maps allow for"
            )
        if self.loops:
            found.append(
                f"{self.loops} views of places seen before tie the map together: with them the "
                "images are explained better"
            )
        if self.rms > HIGH_RMS:
            found.append(f"points are off by {self.rms:.2f} px: the camera may be another kind")
        if self.camera.source == Source.GUESSED:
            found.append("the focal length was guessed at first: give the camera by --calib")
        if self.focals and max(self.focals) > APART * min(self.focals):
            found.append(
                f"the segments tell focal lengths from {min(self.focals):.0f} to "
                f"{max(self.focals):.0f} px, and there was one camera: at least one of them is "
                "bent; give the camera by --calib"
            )
        if self.kept and self._kept < LOW_KEPT:
            found.append(
                f"only {self._kept:.0%} of the pixels have depth: little texture or motion"
            )
        if self.moving >= MOVING_FRAMES:
            found.append(
                f"in {self.moving} frames in a row fewer than {MOVING:.0%} of the points were seen "
                "where they should be: something moves, or hides much"
            )
        return found

    @property
    def _kept(self) -> float:
        return float(np.mean(self.kept)) if self.kept else 0.0
