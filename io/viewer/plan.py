"""The bird's-eye view of a recording: the ways, the loops and the camera, seen from above."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

import numpy as np
import rerun as rr
import rerun.blueprint as rrb

from mapper.io.viewer.blueprint import BACKGROUND, CAMERA_COLOR, plan, ui_points

Log = Callable[[str, rr.AsComponents, bool], None]  # entity, what, whether for all times

BELOW, ABOVE, ON_TOP = 10.0, 20.0, 30.0  # draw orders: loops, ways, the camera
CAMERA_SIZE: Final = 5.0  # pixels of the screen
MARGIN: Final = 0.15  # of the larger side


class BirdsEye:
    """Draws below plan/. The view shows all that was drawn in it, so its corners are drawn too."""

    def __init__(self, log: Log) -> None:
        self._log = log
        self._low, self._high = np.full(2, np.inf), np.full(2, -np.inf)  # of all that is drawn
        self._corners = np.zeros((2, 2))  # of what the view shows

    def way(
        self, name: str, positions: np.ndarray, color: tuple[int, int, int], static: bool
    ) -> None:
        """Camera centres (N, 3) in the world frame as a line. static: at all times."""
        flat = plan(positions)
        lines = rr.LineStrips2D(
            [flat] if len(flat) > 1 else [],
            colors=color,
            radii=ui_points(1.2),
            draw_order=ABOVE,
        )
        self._log(f"plan/{name}", lines, static)
        self._grow(flat)

    def camera(self, position: np.ndarray) -> None:
        """The camera (3,) as a dot."""
        flat = plan(position)
        size = ui_points(CAMERA_SIZE)
        dot = rr.Points2D(flat, colors=CAMERA_COLOR, radii=size, draw_order=ON_TOP)
        self._log("plan/camera", dot, False)
        self._grow(flat[None])

    def edges(
        self,
        kind: str,
        ends: Sequence[np.ndarray],
        color: tuple[int, int, int],
        radius: rr.Radius,
    ) -> None:
        """Pairs of camera centres, each (2, 3), as lines under the ways."""
        flat = [plan(pair) for pair in ends]
        lines = rr.LineStrips2D(flat, colors=color, radii=radius, draw_order=BELOW)
        self._log(f"plan/{kind}", lines, False)

    def bounds(self) -> rrb.VisualBounds2D | None:
        """All that was drawn and a margin; None where nothing was."""
        if not np.isfinite(self._low).all():
            return None
        (left, top), (right, bottom) = self._corners
        return rrb.VisualBounds2D(x_range=[left, right], y_range=[top, bottom])

    def _grow(self, flat: np.ndarray) -> None:
        """Keep (N, 2) off the rim. The room is made in steps, so that the view rests between."""
        if not len(flat):
            return
        self._low = np.minimum(self._low, flat.min(axis=0))
        self._high = np.maximum(self._high, flat.max(axis=0))
        if (self._low > self._corners[0]).all() and (self._high < self._corners[1]).all():
            return
        margin = MARGIN * max(float((self._high - self._low).max()), 1e-3)
        self._corners = np.array([self._low - margin, self._high + margin])
        # Lines without length: around points the viewer would leave as much room again.
        dots = [[corner, corner] for corner in self._corners]
        self._log("plan/corners", rr.LineStrips2D(dots, colors=BACKGROUND, radii=0.0), False)
