"""A made-up scene as saved predictions: the truth, and the same with known errors."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np

from mapper.core.geometry import backproject, exp_se3
from mapper.core.intrinsics import Intrinsics
from mapper.core.prediction import Prediction
from mapper.core.prediction_files import save_prediction
from mapper.evaluate.protocol import (
    DepthProtocol,
    ImagePreparation,
    PoseProtocol,
    Protocol,
    ReconstructionProtocol,
)

FRAMES = 8
CAMERA = Intrinsics(50.0, 50.0, 32.0, 24.0, 64, 48)
WINDOW = ImagePreparation(loader="window", width=CAMERA.width, height=CAMERA.height)
PROTOCOLS = {
    "pose": Protocol("p", task="pose", pose=PoseProtocol(alignment="se3")),
    "video-depth": Protocol("v", task="video-depth", depth=DepthProtocol(("metric", "scale"))),
    "mono-depth": Protocol("m", task="mono-depth", depth=DepthProtocol(("metric", "median"))),
    "reconstruction": Protocol(
        "r",
        task="reconstruction",
        images=WINDOW,
        reconstruction=ReconstructionProtocol(crop=CAMERA.height),
    ),
}
Change = Callable[[int, np.ndarray, np.ndarray], tuple[np.ndarray, np.ndarray]]


def true_pose(index: int) -> np.ndarray:
    """T_world_camera (4, 4) on a curve, turning; the first is the identity."""
    return exp_se3(np.array([0.02, 0.03, 0.01, 0.1, 0.02, 0.03]) * index) @ exp_se3(
        np.r_[0, 0, 0, 0, 0.01 * index**2, 0]
    )


def true_depth(index: int) -> np.ndarray:
    """float32 (48, 64): a wavy surface about 2 m away, with a hole in a corner."""
    rows, columns = np.indices((CAMERA.height, CAMERA.width))
    depth = 2 + 0.3 * np.sin(columns / 7 + index) + 0.2 * np.cos(rows / 5)
    depth[:3, :3] = 0
    return depth.astype(np.float32)


def unchanged(
    index: int, T_world_camera: np.ndarray, depth: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    return T_world_camera, depth


def write_predictions(folder: Path, change: Change = unchanged) -> Path:
    """All frames, as `change` makes them of the true pose and depth."""
    folder.mkdir(parents=True, exist_ok=True)
    for index in range(FRAMES):
        pose, depth = change(index, true_pose(index), true_depth(index))
        image = np.full((CAMERA.height, CAMERA.width, 3), 20 * index, np.uint8)
        points = backproject(depth.astype(np.float32), CAMERA)
        confidence = (depth > 0).astype(np.float32)
        save_prediction(
            folder,
            Prediction(index, index / 10, points, confidence, pose, CAMERA, image, is_metric=True),
        )
    return folder
