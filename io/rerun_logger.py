"""The live log of a run to Rerun: what the viewer shows while mapping and what run.rrd keeps."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

import cv2
import numpy as np
import rerun as rr

from mapper.geometry import inverse, pose_to_quaternion_xyzw, transform
from mapper.intrinsics import Intrinsics
from mapper.io.map_logger import MapLogger, NullLogger
from mapper.io.rerun_blueprint import (
    EDGE_COLORS,
    ESTIMATE_COLOR,
    GROUND_TRUTH_COLOR,
    OTHER_STATE_COLOR,
    PLOT_COLORS,
    STATE_COLORS,
    bounds_around,
    eye_above,
    map_blueprint,
    plan,
    ui_points,
)
from mapper.io.rerun_sinks import Viewer, check_space, finish, open_sinks
from mapper.mesh import Mesh
from mapper.trajectory import Trajectory

__all__ = ["MapLogger", "NullLogger", "RerunLogger", "Viewer"]

JPEG_QUALITY: Final = 75
HEALTH_CHECK_INTERVAL: Final = 30  # frames between looks at the free disk space
RECENT_LENGTH: Final = 200  # camera positions drawn since the last graph update
EYE_SAMPLE: Final = 64  # points kept of each keyframe, to place the eye at the end
MESH_SAMPLE: Final = 5000  # vertices that take their place
FRUSTUM_DEPTH: Final = 0.15  # of the first keyframe's median depth


class RerunLogger:
    """Writes a run to a .rrd file and, on request, to a viewer at the same time.

    path: file to write, or None for a viewer alone. viewer: "none", "window" or "web".
    ground_truth: drawn once, aligned at the first camera until align_ground_truth says better.
    image_every: log every n-th image. image_width: width in pixels of the logged images.
    show_rejected: draw refused edges too. url: where the web viewer is, else None.
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
        show_rejected: bool = False,
    ) -> None:
        self.path = path
        self._recording = rr.RecordingStream(application_id, recording_id=recording_id)
        self._recording.set_log_time_enabled(False)
        self._recording.set_log_tick_enabled(False)
        self.url = open_sinks(self._recording, path, viewer)
        self._has_viewer = viewer != "none"  # whose user may have moved the eye
        self._ground_truth, self._ground_truth_drawn = ground_truth, False
        self._image_every, self._image_width = max(1, image_every), image_width
        self._show_rejected = show_rejected
        self._index, self._time = 0, 0.0
        self._start: float | None = None
        self._camera_look: tuple[object, ...] = ()
        self._frustum_depth = FRUSTUM_DEPTH
        self._poses: dict[int, np.ndarray] = {}
        self._samples: dict[int, np.ndarray] = {}
        self._mesh_sample: np.ndarray | None = None
        self._recent: list[np.ndarray] = []
        self._plotted: set[str] = set()
        self._closed = False
        self._log("world", rr.ViewCoordinates.RIGHT_HAND_Y_DOWN, static=True)

    def frame(
        self,
        index: int,
        timestamp: float,
        image_rgb: np.ndarray,
        T_world_camera: np.ndarray,
        intrinsics: Intrinsics | None,
        state: str,
        values: Mapping[str, float],
    ) -> None:
        """One frame: uint8 (H, W, 3) image, pose (4, 4), tracker state, numbers to plot.

        values: names that end in "_ms" go under timings/, others under tracking/; a name that
        holds a slash is taken as it is.
        """
        self._start = timestamp if self._start is None else self._start
        self._index, self._time = index, timestamp - self._start
        self._draw_ground_truth_once(timestamp, T_world_camera)
        height, width = image_rgb.shape[:2]
        scale = min(1.0, self._image_width / width)
        camera = intrinsics or Intrinsics(width, width, width / 2, height / 2, width, height)
        camera = camera.resized(round(width * scale), round(height * scale))
        if index % self._image_every == 0:
            self._image(image_rgb, camera.width, camera.height)
        self._camera(T_world_camera, camera, state)
        for name, value in values.items():
            self._scalar(_plot_path(name), float(value))
        if index % HEALTH_CHECK_INTERVAL == 0:
            check_space(self.path)

    def keyframe(
        self, id: int, points: np.ndarray, colors: np.ndarray, T_world_camera: np.ndarray
    ) -> None:
        """Points float32 (N, 3) in the camera frame with colors uint8 (N, 3), hung on their pose.

        Later poses move the points without logging them again.
        """
        self._poses[id] = np.asarray(T_world_camera, dtype=np.float64)
        self._samples[id] = points[:: max(1, len(points) // EYE_SAMPLE)]
        if len(self._samples) == 1 and len(points):
            self._frustum_depth = FRUSTUM_DEPTH * float(np.median(self._samples[id][:, 2]))
        self._log(f"world/keyframes/{id:06d}", _transform3d(T_world_camera))
        self._log(
            f"world/keyframes/{id:06d}/points",
            rr.Points3D(points, colors=colors, radii=ui_points(1.6)),
        )

    def keyframe_poses(self, poses: Mapping[int, np.ndarray]) -> None:
        """Poses (4, 4) after a graph update, of all keyframes or of those that moved."""
        for id, T_world_camera in poses.items():
            self._poses[id] = np.asarray(T_world_camera, dtype=np.float64)
            self._log(f"world/keyframes/{id:06d}", _transform3d(T_world_camera))
        positions = [self._poses[id][:3, 3] for id in sorted(self._poses)]
        if positions:
            self.trajectory(np.array(positions))
            marks = rr.Points3D(positions, colors=ESTIMATE_COLOR, radii=ui_points(2.2))
            self._log("world/graph/keyframes", marks)

    def edges(self, pairs: Sequence[tuple[int, int, str]], poses: Mapping[int, np.ndarray]) -> None:
        """All edges (i, j, kind) of the graph between keyframes at poses (4, 4).

        kind: odometry, overlap (or covisibility), loop, rejected.
        """
        segments: dict[str, list[np.ndarray]] = {kind: [] for kind in EDGE_COLORS}
        for i, j, kind in pairs:
            ends = np.array([poses[i][:3, 3], poses[j][:3, 3]])
            segments.setdefault(kind, []).append(ends)
        for kind, strips in segments.items():
            if kind == "rejected" and not self._show_rejected:
                continue
            color = EDGE_COLORS.get(kind, OTHER_STATE_COLOR)
            strong = kind in ("loop", "rejected")
            radius = ui_points(1.6 if strong else 0.6)
            self._log(f"world/graph/{kind}", rr.LineStrips3D(strips, colors=color, radii=radius))
            if strong:
                flat = [plan(strip) for strip in strips]
                self._log(f"plan/{kind}", rr.LineStrips2D(flat, colors=color, radii=radius))

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

    def mesh(self, mesh: Mesh) -> None:
        """The fused map. The keyframes' points vanish from here on: they would fight with it."""
        self._log("world/keyframes", rr.Clear(recursive=True))
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
        """Finishes the file; without it the file is readable but lacks its index."""
        if self._closed:
            return
        self._closed = True
        points, poses = self._map_sample()
        blueprint = map_blueprint(eye_above(points, poses), bounds_around(plan(poses[:, :3, 3])))
        self._recording.send_blueprint(blueprint, make_active=not self._has_viewer)
        check_space(self.path)
        finish(self._recording, self.path)

    def _log(self, entity: str, what: rr.AsComponents, static: bool = False) -> None:
        if not static:  # the clock is kept per thread, so every call sets it
            self._recording.set_time("frame", sequence=self._index)
            self._recording.set_time("time", duration=self._time)
        self._recording.log(entity, what, static=static)

    def _image(self, image_rgb: np.ndarray, width: int, height: int) -> None:
        if width < image_rgb.shape[1]:
            image_rgb = cv2.resize(image_rgb, (width, height), interpolation=cv2.INTER_AREA)
        bgr = cv2.cvtColor(image_rgb, cv2.COLOR_RGB2BGR)
        encoded = cv2.imencode(".jpg", bgr, [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY])[1]
        image = rr.EncodedImage(contents=encoded.tobytes(), media_type="image/jpeg")
        self._log("world/camera/image", image)

    def _camera(self, T_world_camera: np.ndarray, camera: Intrinsics, state: str) -> None:
        self._log("world/camera", _transform3d(T_world_camera, with_scale=False))
        position = T_world_camera[:3, 3].astype(np.float32)
        self._recent = [*self._recent[-RECENT_LENGTH:], position]
        self._strip("recent", np.array(self._recent), ESTIMATE_COLOR)
        color = STATE_COLORS.get(state, OTHER_STATE_COLOR)
        self._log("plan/camera", rr.Points2D(plan(position), colors=color, radii=ui_points(5)))
        if self._camera_look == (camera, state, self._frustum_depth):
            return
        self._camera_look = (camera, state, self._frustum_depth)
        pinhole = rr.Pinhole(
            image_from_camera=camera.matrix,
            width=camera.width,
            height=camera.height,
            image_plane_distance=self._frustum_depth,
            color=color,
            line_width=ui_points(1.2),
        )
        self._log("world/camera", pinhole)
        centre = [] if state == "tracking" else [[camera.width / 2, camera.height * 0.03]]
        label = rr.Points2D(centre, labels=[state] * len(centre), colors=color, radii=ui_points(0))
        self._log("world/camera/image/state", label)

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
        flat = [plan(strip) for strip in strips]
        space = rr.LineStrips3D(strips, colors=color, radii=ui_points(0.8 if static else 1.4))
        self._log(f"world/trajectory/{name}", space, static)
        self._log(f"plan/{name}", rr.LineStrips2D(flat, colors=color, radii=ui_points(1.2)), static)

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


def _plot_path(name: str) -> str:
    if "/" in name:
        return name
    return f"timings/{name}" if name.endswith("_ms") else f"tracking/{name}"


def _transform3d(T: np.ndarray, with_scale: bool = True) -> rr.Transform3D:
    """A pose or similarity (4, 4); the viewer draws cameras under pure rotations only."""
    scale = float(np.linalg.norm(T[:3, 0]))
    quaternion = rr.Quaternion(xyzw=pose_to_quaternion_xyzw(T[:3, :3] / scale))
    return rr.Transform3D(
        translation=T[:3, 3], quaternion=quaternion, scale=scale if with_scale else None
    )
