"""The camera in a recording: where it is, how it is doing, and the views that it left behind."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

import numpy as np
import rerun as rr

from mapper.core.geometry import transform
from mapper.core.intrinsics import Intrinsics
from mapper.io.viewer.archetypes import transform3d
from mapper.io.viewer.blueprint import (
    ESTIMATE_COLOR,
    OTHER_STATE_COLOR,
    STATE_COLORS,
    ui_points,
)

Log = Callable[[str, rr.AsComponents, bool], None]  # entity, what, whether for all times

DEPTH: Final = 0.15  # how far the frustum reaches, of the first keyframe's median depth
KEYFRAME_SHARE: Final = 0.4  # the size of a keyframe's frustum, of the camera's
LABEL_HEIGHT: Final = 0.06  # of the image's height, below its upper rim
TRACKING: Final = "tracking"  # the state that needs no label


class DrawnCamera:
    """Draws the camera, the lane of states, and a small frustum at each keyframe."""

    def __init__(self, log: Log) -> None:
        self._log = log
        self._depth = DEPTH
        self._keyframes = 0
        self._bare: list[str] = []  # keyframes without a frustum yet
        self._lines: list[np.ndarray] = []  # of a keyframe's frustum, in its frame
        self._look: tuple[object, ...] = ()
        self._state: str | None = None
        names, colors = list(STATE_COLORS), list(STATE_COLORS.values())
        log("state", rr.StateConfiguration(values=names, colors=colors), True)

    def place(self, T_world_camera: np.ndarray | None, camera: Intrinsics, state: str) -> None:
        """The frustum at a pose (4, 4), in the colour of the state; without one it stays."""
        if state != self._state:
            self._state = state
            self._log("state", rr.StateChange(state=state), False)
        if T_world_camera is not None:
            self._log("world/camera", transform3d(T_world_camera, with_scale=False), False)
        if self._look != (camera, state, self._depth):
            self._look = (camera, state, self._depth)
            self._lines = frustum(camera, KEYFRAME_SHARE * self._depth)
            self._draw(camera, state)
        for entity in self._bare:
            lines = rr.LineStrips3D(self._lines, colors=ESTIMATE_COLOR, radii=ui_points(0.6))
            # With the points: each entity more makes the viewer slower.
            self._log(f"{entity}/points", lines, False)
        self._bare = []

    def keyframe(self, entity: str, depths: np.ndarray) -> None:
        """A keyframe that gets its frustum with the next frame. depths: (N,), of its points."""
        self._bare.append(entity)
        self._keyframes += 1
        if self._keyframes == 1 and len(depths):
            self._depth = DEPTH * float(np.median(depths))

    def leave(self, poses: Mapping[int, np.ndarray]) -> None:
        """All keyframes' frustums at poses or similarities (4, 4), as one drawing that stays."""
        placed = [transform(T, line) for T in poses.values() for line in self._lines]
        lines = rr.LineStrips3D(placed, colors=ESTIMATE_COLOR, radii=ui_points(0.6))
        self._log("world/graph/frustums", lines, False)

    def _draw(self, camera: Intrinsics, state: str) -> None:
        color = STATE_COLORS.get(state, OTHER_STATE_COLOR)
        pinhole = rr.Pinhole(
            image_from_camera=camera.matrix,
            width=camera.width,
            height=camera.height,
            image_plane_distance=self._depth,
            color=color,
            line_width=ui_points(1.2),
        )
        self._log("world/camera", pinhole, False)
        centre = [] if state == TRACKING else [[camera.width / 2, camera.height * LABEL_HEIGHT]]
        label = rr.Points2D(centre, labels=[state] * len(centre), colors=color, radii=ui_points(0))
        self._log("world/camera/image/state", label, False)


def frustum(camera: Intrinsics, depth: float) -> list[np.ndarray]:
    """Lines (N, 3) in the camera frame: the rim of the view at a depth, and its four edges."""
    x = depth * (np.array([0, camera.width, camera.width, 0]) - camera.cx) / camera.fx
    y = depth * (np.array([0, 0, camera.height, camera.height]) - camera.cy) / camera.fy
    rim = np.stack([x, y, np.full(4, depth)], axis=1)
    apex = np.zeros(3)
    return [
        rim[[0, 1, 2, 3, 0]],
        np.array([rim[0], apex, rim[1]]),
        np.array([rim[2], apex, rim[3]]),
    ]
