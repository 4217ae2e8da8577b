"""Tracked points in a Rerun recording: as dots on the images."""

from __future__ import annotations

import colorsys
from pathlib import Path
from typing import Final

import numpy as np
import rerun as rr
import rerun.blueprint as rrb

from mapper.io.viewer.archetypes import jpeg
from mapper.io.viewer.sinks import Destinations, check_space, finish, open_outlets
from mapper.runtime.closing import Closing

IMAGE_WIDTH: Final = 640  # pixels that a logged image has at most
HIDDEN_ALPHA: Final = 60  # of 255, of a point that is not visible
VISIBLE: Final = 0.5  # visibility from which a point counts as visible
RADIUS: Final = 3.0  # pixels of the screen


class TrackLogger(Closing):
    """Writes images and the points on them to a .rrd file; a context manager."""

    def __init__(self, path: Path, points: int) -> None:
        self.path = path
        self._start: float | None = None
        self._outlets = open_outlets("mapper", path.parent.name, Destinations(path))
        self._colors = np.array(
            [[255 * c for c in colorsys.hsv_to_rgb(k / points, 0.9, 1.0)] for k in range(points)],
            np.uint8,
        )
        view = rrb.Spatial2DView(origin="camera/image", name="tracks")
        for stream in self._outlets.streams:
            stream.send_blueprint(rrb.Blueprint(view, collapse_panels=True))

    def frame(
        self,
        index: int,
        timestamp: float,
        image: np.ndarray,
        xy: np.ndarray,
        visibility: np.ndarray,
    ) -> None:
        """One frame: image uint8 (H, W, 3), xy (N, 2) in its pixels, visibility (N,)."""
        check_space(self.path)
        self._start = timestamp if self._start is None else self._start
        height, width = image.shape[:2]
        share = min(1.0, IMAGE_WIDTH / width)
        size = round(width * share), round(height * share)
        alpha = np.where(visibility >= VISIBLE, 255, HIDDEN_ALPHA).astype(np.uint8)
        colors = np.concatenate([self._colors, alpha[:, None]], 1)
        radii = rr.Radius.ui_points(RADIUS)
        for stream in self._outlets.streams:
            stream.set_time("frame", sequence=index)
            stream.set_time("time", duration=timestamp - self._start)
            stream.log("camera/image", jpeg(image, *size))
            # Rerun's pixels begin at their corner, ours lie at whole numbers.
            positions = (xy + 0.5) * share
            stream.log("camera/image/tracks", rr.Points2D(positions, colors=colors, radii=radii))

    def close(self) -> None:
        """Write out what waits and end."""
        finish(self._outlets, self.path)
