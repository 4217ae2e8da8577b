"""Saved predictions: what a frontend said, frame by frame, to be replayed exactly."""

from __future__ import annotations

from dataclasses import astuple
from pathlib import Path
from typing import Any, Final

import numpy as np

from mapper.core.depth_noise import LEARNED, DepthNoise
from mapper.core.npz import Array, Layout, stored_intrinsics
from mapper.core.prediction import Prediction
from mapper.runtime.atomic_files import atomic_write

# Points and confidences may hold NaN, which is no point (see Prediction); a pose may too, and is
# then left out by whoever maps it.
LAYOUT: Final = Layout(
    "the prediction",
    "make it again with mapper run --save-predictions",
    {
        "frame_index": Array("<i8"),
        "timestamp": Array("<f8", finite=True),
        "pointmap": Array("<f4", ("h", "w", 3)),
        "confidence": Array("<f4", ("h", "w")),
        "T_world_camera": Array("<f8", (4, 4)),
        "intrinsics": Array("number", (6,), finite=True),
        "image": Array("|u1", ("h", "w", 3)),
        "is_metric": Array("|b1"),
        "segment": Array("<i8"),
        "descriptor": Array("<f4", ("d",), optional=True, finite=True),
        "noise": Array("number", (3,), optional=True, finite=True),
        "shares_camera": Array("|b1", optional=True),
    },
)


def prediction_path(folder: Path, frame_index: int, segment: int) -> Path:
    """The file of one frame's prediction; at a reset a frame has one in each of two segments."""
    return folder / f"{frame_index:06d}-{segment:03d}.npz"


def predictions_of(folder: Path, frame_index: int) -> list[Path]:
    """The files of a frame, by segment; empty where it was lost."""
    return sorted(folder.glob(f"{frame_index:06d}-*.npz"))


def save_prediction(folder: Path, prediction: Prediction) -> None:
    """Write one prediction without loss (float32 maps, float64 pose)."""
    arrays: dict[str, Any] = {
        "frame_index": np.int64(prediction.frame_index),
        "timestamp": np.float64(prediction.timestamp),
        "pointmap": prediction.pointmap,
        "confidence": prediction.confidence,
        "T_world_camera": prediction.T_world_camera,
        "intrinsics": np.array(astuple(prediction.intrinsics), np.float64),
        "image": prediction.image,
        "is_metric": np.bool_(prediction.is_metric),
        "segment": np.int64(prediction.segment),
        "noise": np.array(astuple(prediction.noise), np.float64),
        "shares_camera": np.bool_(prediction.shares_camera),
    }
    if prediction.descriptor is not None:
        arrays["descriptor"] = prediction.descriptor
    path = prediction_path(folder, prediction.frame_index, prediction.segment)
    with atomic_write(path, "wb") as file:
        np.savez(file, **arrays)


def load_prediction(path: Path) -> Prediction:
    """Read one prediction back, bit for bit. Raises InputError if the file is damaged."""
    arrays = LAYOUT.read(path)
    pointmap = arrays["pointmap"]
    return Prediction(
        int(arrays["frame_index"]),
        float(arrays["timestamp"]),
        pointmap,
        arrays["confidence"],
        arrays["T_world_camera"],
        stored_intrinsics(LAYOUT, path, arrays["intrinsics"], pointmap.shape[:2]),
        arrays["image"],
        bool(arrays["is_metric"]),
        int(arrays["segment"]),
        arrays.get("descriptor"),
        DepthNoise(*arrays["noise"].tolist()) if "noise" in arrays else LEARNED,
        shares_camera=bool(arrays.get("shares_camera", False)),
    )


def load_prediction_pose(path: Path) -> tuple[int, float, np.ndarray]:
    """Frame index, time and T_world_camera of a prediction, without its maps."""
    arrays = LAYOUT.read(path, ("frame_index", "timestamp", "T_world_camera"))
    return int(arrays["frame_index"]), float(arrays["timestamp"]), arrays["T_world_camera"]
