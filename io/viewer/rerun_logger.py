"""The live log of a run to Rerun: what the viewer shows while mapping and what run.rrd keeps."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

import numpy as np
import rerun as rr

from mapper.core.frame import Frame
from mapper.core.geometry import inverse, transform
from mapper.core.intrinsics import Intrinsics
from mapper.core.mesh import Mesh
from mapper.core.trajectory import Trajectory
from mapper.io.viewer.archetypes import (
    confidence_image,
    depth_image,
    jpeg,
    plot_path,
    transform3d,
)
from mapper.io.viewer.blueprint import (
    EDGE_COLORS,
    ESTIMATE_COLOR,
    GROUND_TRUTH_COLOR,
    MOVING_COLOR,
    OTHER_STATE_COLOR,
    PLOT_COLORS,
    eye_above,
    map_blueprint,
    ui_points,
)
from mapper.io.viewer.camera import DrawnCamera
from mapper.io.viewer.entities import KeyframeEntities
from mapper.io.viewer.log_handler import RecordingHandler
from mapper.io.viewer.map_logger import MapLogger, NullLogger
from mapper.io.viewer.plan import BirdsEye
from mapper.io.viewer.sinks import Destinations, Viewer, check_space, finish, open_outlets

__all__ = ["MapLogger", "NullLogger", "RerunLogger", "Viewer"]

HEALTH_CHECK_INTERVAL: Final = 30  # frames between looks at the free disk space
RECENT_LENGTH: Final = 200  # camera positions drawn since the last graph update
EYE_SAMPLE: Final = 64  # points kept of each keyframe, to place the eye at the end
MESH_SAMPLE: Final = 5000  # vertices that take their place
CROWD: Final = 20  # edges that are still drawn at full width


class RerunLogger(MapLogger):
    """Writes a run to a .rrd file and, on request, to a viewer at the same time.

    path: file to write, or None for a viewer alone. viewer: "none", "window" or "web". connect:
    address of a viewer that runs already.
    ground_truth: drawn once, aligned at the first camera until align_ground_truth says better.
    image_every: log every n-th image. image_width: width in pixels of the logged images.
    url, tunnel: where the web viewer is, and the ssh command that reaches it from another machine;
    else None.
    """

    def __init__(
        self,
        path: Path | None,
        viewer: Viewer = "none",
        application_id: str = "mapper",
        recording_id: str | None = None,
        ground_truth: Trajectory | None = None,
        *,
        image_every: int = 1,
        image_width: int = 320,
        connect: str | None = None,
    ) -> None:
        self.path = path
        destinations = Destinations(path, viewer, connect)
        self._outlets = open_outlets(application_id, recording_id, destinations)
        self.url, self.tunnel = self._outlets.url, self._outlets.tunnel
        self._has_viewer = destinations.has_viewer  # whose user may have moved the eye
        self._ground_truth, self._ground_truth_drawn = ground_truth, False
        self._image_every, self._image_width = max(1, image_every), image_width
        self._index, self._time = 0, 0.0
        self._start: float | None = None
        self._camera, self._plan = DrawnCamera(self._log), BirdsEye(self._log)
        self._entities = KeyframeEntities()
        self._poses: dict[int, np.ndarray] = {}
        self._samples: dict[int, np.ndarray] = {}
        self._mesh_sample: np.ndarray | None = None
        self._recent: list[np.ndarray] = []
        self._plotted: set[str] = set()
        self._closed = False
        self._log("world", rr.ViewCoordinates.RIGHT_HAND_Y_DOWN, static=True)
        self._handler = RecordingHandler(self.event)
        self._handler.open()

    @property
    def closed_by_user(self) -> bool:
        """Whether the viewer's window was closed."""
        return self._outlets.was_closed

    def frame(
        self, frame: Frame, T_world_camera: np.ndarray | None, state: str, values: dict[str, float]
    ) -> None:
        """Without a pose the camera stays where it was seen last, in the colour of its state."""
        self.at(frame.index, frame.timestamp)
        height, width = frame.image.shape[:2]
        scale = min(1.0, self._image_width / width)
        camera = frame.intrinsics or Intrinsics(width, width, width / 2, height / 2, width, height)
        camera = camera.resized(round(width * scale), round(height * scale))
        if frame.index % self._image_every == 0:
            self._log("world/camera/image", jpeg(frame.image, camera.width, camera.height))
        self._draw_camera(frame.timestamp, T_world_camera, camera, state)
        self.numbers(values)
        if frame.index % HEALTH_CHECK_INTERVAL == 0:
            check_space(self.path)

    def at(self, index: int, timestamp: float) -> None:
        """The moment of what is logged next."""
        self._start = timestamp if self._start is None else self._start
        self._index, self._time = index, timestamp - self._start

    def numbers(self, values: Mapping[str, float]) -> None:
        """Plotted under timings/ where a name ends in "_ms", as it is where it holds a slash, else
        under tracking/."""
        for name, value in values.items():
            self._scalar(plot_path(name), float(value))

    def keyframe(
        self, id: int, points: np.ndarray, colors: np.ndarray, T_world_camera: np.ndarray
    ) -> None:
        """Points float32 (N, 3) in the camera frame, colors uint8 (N, 3), moved with their pose.

        Later poses move the points without logging them again.
        """
        self._poses[id] = np.asarray(T_world_camera, dtype=np.float64)
        self._samples[id] = points[:: max(1, len(points) // EYE_SAMPLE)]
        entity = self._entities.of(id)
        self._camera.keyframe(entity, self._samples[id][:, 2])
        self._log(entity, transform3d(T_world_camera))
        shown = rr.Points3D(points, colors=colors, radii=ui_points(1.6))
        self._log(f"{entity}/points", shown)

    def forget(self, id: int) -> None:
        """A keyframe that is no longer in the graph; what was drawn of it vanishes."""
        for known in (self._poses, self._samples):
            known.pop(id, None)
        self._log(self._entities.release(id), rr.Clear(recursive=True))

    def keyframe_maps(self, depth: np.ndarray, confidence: np.ndarray) -> None:
        """Depth and confidence float32 (H, W) of the newest keyframe; 0 = nothing known."""
        self._log("keyframe/depth", depth_image(depth))
        self._log("keyframe/confidence", confidence_image(confidence))

    def keyframe_poses(self, poses: Mapping[int, np.ndarray]) -> None:
        """Poses (4, 4) after a graph update, of all keyframes or of those that moved."""
        for id, T_world_camera in poses.items():
            self._poses[id] = np.asarray(T_world_camera, dtype=np.float64)
            self._log(self._entities.of(id), transform3d(T_world_camera))
        positions = [self._poses[id][:3, 3] for id in sorted(self._poses)]
        if positions:
            self.trajectory(np.array(positions))
            marks = rr.Points3D(positions, colors=ESTIMATE_COLOR, radii=ui_points(2.2))
            self._log("world/graph/keyframes", marks)

    def edges(self, pairs: Sequence[tuple[int, int, str]], poses: Mapping[int, np.ndarray]) -> None:
        """All edges (i, j, kind) of the graph between keyframes at poses (4, 4).

        kind: odometry, overlap, covisibility or loop.
        """
        segments: dict[str, list[np.ndarray]] = {kind: [] for kind in EDGE_COLORS}
        for i, j, kind in pairs:
            ends = np.array([poses[i][:3, 3], poses[j][:3, 3]])
            segments.setdefault(kind, []).append(ends)
        for kind, strips in segments.items():
            color = EDGE_COLORS.get(kind, OTHER_STATE_COLOR)
            is_loop = kind == "loop"
            # Hundreds of thick lines would hide the map and the way.
            crowd = min(1.0, CROWD / max(1, len(strips)))
            radius = ui_points(max(0.4, (1.6 if is_loop else 0.6) * crowd))
            self._log(f"world/graph/{kind}", rr.LineStrips3D(strips, colors=color, radii=radius))
            if is_loop:
                self._plan.edges(kind, strips, color, radius)

    def event(self, text: str, level: str = "INFO") -> None:
        """A line in the text log, such as lost or loop closed. level: INFO, WARN, ERROR."""
        self._log("log", rr.TextLog(text, level=level.upper()))

    def trajectory(self, positions: np.ndarray) -> None:
        """Camera centres (N, 3) in the world frame, instead of what was drawn before."""
        positions = np.asarray(positions, dtype=np.float32)
        self._recent = []
        self._strip("estimate", positions, ESTIMATE_COLOR)
        self._strip("recent", positions[:0], ESTIMATE_COLOR)

    def align_ground_truth(self, T: np.ndarray) -> None:
        """Draws the ground truth moved by T (4, 4), world from ground-truth frame; may scale."""
        if self._ground_truth is None:
            return
        self._ground_truth_drawn = True
        positions = transform(np.asarray(T), self._ground_truth.positions)
        self._strip("ground_truth", positions, GROUND_TRUTH_COLOR, static=True)

    def moving(self, points: np.ndarray) -> None:
        """A layer of its own: what is shown at a time is what was seen then and moved later."""
        shown = rr.Points3D(points, colors=MOVING_COLOR, radii=ui_points(1.6))
        self._log("world/moving", shown)

    def mesh(self, mesh: Mesh) -> None:
        """The fused map. The keyframes' points vanish from here on: they would fight with it."""
        self._log("world/keyframes", rr.Clear(recursive=True))
        self._camera.leave(self._poses)
        self._mesh_sample = mesh.vertices[:: max(1, len(mesh.vertices) // MESH_SAMPLE)]
        if len(mesh.faces) == 0:
            points = rr.Points3D(mesh.vertices, colors=mesh.colors, radii=ui_points(1.6))
            return self._log("world/mesh", points)
        self._log(
            "world/mesh",
            rr.Mesh3D(
                vertex_positions=mesh.vertices,
                triangle_indices=mesh.faces,
                vertex_normals=mesh.normals,
                vertex_colors=mesh.colors,
                face_rendering=rr.components.MeshFaceRendering.Front,
            ),
        )

    def close(self) -> None:
        """Finishes the file; without it the file is readable but lacks its last second."""
        if self._closed:
            return
        self._closed = True
        self._handler.close()
        points, poses = self._map_sample()
        blueprint = map_blueprint(eye_above(points, poses), self._plan.bounds())
        for stream in self._outlets.streams:
            stream.send_blueprint(blueprint, make_active=not self._has_viewer)
        check_space(self.path)
        finish(self._outlets, self.path)

    def _log(self, entity: str, what: rr.AsComponents, static: bool = False) -> None:
        for stream in self._outlets.streams:
            if not static:  # the clock is kept per thread, so every call sets it
                stream.set_time("frame", sequence=self._index)
                stream.set_time("time", duration=self._time)
            stream.log(entity, what, static=static)

    def _draw_camera(
        self, timestamp: float, T_world_camera: np.ndarray | None, camera: Intrinsics, state: str
    ) -> None:
        self._camera.place(T_world_camera, camera, state)
        if T_world_camera is not None:
            self._draw_ground_truth_once(timestamp, T_world_camera)
            position = T_world_camera[:3, 3].astype(np.float32)
            self._recent = [*self._recent[-RECENT_LENGTH:], position]
            self._strip("recent", np.array(self._recent), ESTIMATE_COLOR)
            self._plan.camera(position)

    def _scalar(self, entity: str, value: float) -> None:
        if entity not in self._plotted:
            colors = PLOT_COLORS[len(self._plotted) % len(PLOT_COLORS)]
            name = entity.split("/", 1)[1].replace("_", " ")
            self._log(entity, rr.SeriesLines(colors=colors, names=name, widths=1.5), static=True)
            self._plotted.add(entity)
        self._log(entity, rr.Scalars(value))

    def _strip(
        self, name: str, positions: np.ndarray, color: tuple[int, int, int], static: bool = False
    ) -> None:
        strips = [positions] if len(positions) > 1 else []
        space = rr.LineStrips3D(strips, colors=color, radii=ui_points(0.8 if static else 1.4))
        self._log(f"world/trajectory/{name}", space, static)
        self._plan.way(name, positions, color, static)

    def _draw_ground_truth_once(self, timestamp: float, T_world_camera: np.ndarray) -> None:
        if self._ground_truth is None or self._ground_truth_drawn or not len(self._ground_truth):
            return
        nearest = int(np.argmin(np.abs(self._ground_truth.timestamps - timestamp)))
        self.align_ground_truth(
            T_world_camera @ inverse(self._ground_truth.T_world_camera[nearest])
        )

    def _map_sample(self) -> tuple[np.ndarray, np.ndarray]:
        """Some points of the map (N, 3) in the world frame and the keyframes' poses (M, 4, 4)."""
        samples = [transform(self._poses[id], points) for id, points in self._samples.items()]
        poses = [self._poses[id] for id in self._samples]
        samples = samples if self._mesh_sample is None else [self._mesh_sample]
        return np.concatenate([np.zeros((0, 3)), *samples]), np.array(poses).reshape(-1, 4, 4)
