"""Open3D's dense frame-to-model SLAM, as a peer to measure against."""

from __future__ import annotations

import time
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from mapper.core.frame import Frame
from mapper.core.geometry import orthonormalised
from mapper.runtime.open3d_loader import load_open3d


@dataclass(frozen=True, slots=True)
class PeerTrack:
    """T_world_camera float64 (N, 4, 4) of the first N frames: it ends where tracking failed.

    seconds: wall and CPU, reading left out.
    """

    T_world_camera: np.ndarray
    seconds: float
    cpu_seconds: float


def track_with_open3d(frames: Iterable[Frame]) -> PeerTrack:
    """At its own settings: voxels of 2 cm, depth to 5 m, frames matched within 7 cm."""
    o3d = load_open3d()
    slam, core = o3d.t.pipelines.slam, o3d.core
    device = core.Device("CPU:0")
    model = slam.Model(0.02, 16, 20000, core.Tensor(np.eye(4)), device)
    now = rendered = None
    pose, poses, seconds, cpu = np.eye(4), [], 0.0, 0.0
    for index, frame in enumerate(frames):
        assert frame.depth is not None and frame.intrinsics is not None
        if now is None:
            height, width = frame.image.shape[:2]
            K = core.Tensor(frame.intrinsics.matrix)
            now, rendered = (slam.Frame(height, width, K, device) for _ in range(2))
        started, cpu_started = time.perf_counter(), time.process_time()
        depth = o3d.t.geometry.Image(core.Tensor((frame.depth * 1000).astype(np.uint16)))
        color = o3d.t.geometry.Image(core.Tensor(np.ascontiguousarray(frame.image)))
        now.set_data_from_image("depth", depth)
        now.set_data_from_image("color", color)
        if index:
            try:
                tracked = model.track_frame_to_model(now, rendered, 1000.0, 5.0, 0.07)
            except RuntimeError:  # a singular system: it has nothing to go by
                break
            pose = pose @ tracked.transformation.cpu().numpy()
        model.update_frame_pose(index, core.Tensor(pose))
        model.integrate(now, 1000.0, 5.0)
        model.synthesize_model_frame(rendered, 1000.0, 0.1, 5.0)
        seconds += time.perf_counter() - started
        cpu += time.process_time() - cpu_started
        poses.append(orthonormalised(pose))
    return PeerTrack(np.array(poses), seconds, cpu)
