"""Saved predictions: what a frontend said, frame by frame, to be replayed exactly."""

from __future__ import annotations

from dataclasses import astuple
from pathlib import Path
from typing import Any

import numpy as np

from mapper.core.depth_noise import LEARNED, DepthNoise
from mapper.core.intrinsics import Intrinsics
from mapper.core.npz import UNREADABLE
from mapper.core.prediction import Prediction
from mapper.errors import InputError
from mapper.runtime.atomic_files import atomic_write


def prediction_path(folder: Path, frame_index: int, segment: int) -> Path:
    """The file of one frame's prediction; at a reset a frame has one in each of two segments."""
    return folder / f"{frame_index:06d}-{segment:03d}.npz"


def predictions_of(folder: Path, frame_index: int) -> list[Path]:
    """The files of a frame, by segment; empty where it was lost."""
    return sorted(folder.glob(f"{frame_index:06d}-*.npz"))


def save_prediction(folder: Path, prediction: Prediction) -> None:
    """Write one prediction without loss (float32 maps, float64 pose)."""
    k = prediction.intrinsics
    arrays: dict[str, Any] = {
        "frame_index": np.int64(prediction.frame_index),
        "timestamp": np.float64(prediction.timestamp),
        "pointmap": prediction.pointmap,
        "confidence": prediction.confidence,
        "T_world_camera": prediction.T_world_camera,
        "intrinsics": np.array([k.fx, k.fy, k.cx, k.cy, k.width, k.height]),
        "image": prediction.image,
        "is_metric": np.bool_(prediction.is_metric),
        "segment": np.int64(prediction.segment),
        "noise": np.array(astuple(prediction.noise)),
    }
    if prediction.descriptor is not None:
        arrays["descriptor"] = prediction.descriptor
    path = prediction_path(folder, prediction.frame_index, prediction.segment)
    with atomic_write(path, "wb") as file:
        np.savez(file, **arrays)


def load_prediction(path: Path) -> Prediction:
    """Read one prediction back, bit for bit. Raises InputError if the file is damaged."""
    try:
        with np.load(path, allow_pickle=False) as arrays:
            fx, fy, cx, cy, width, height = arrays["intrinsics"]
            return Prediction(
                int(arrays["frame_index"]),
                float(arrays["timestamp"]),
                arrays["pointmap"],
                arrays["confidence"],
                arrays["T_world_camera"],
                Intrinsics(fx, fy, cx, cy, int(width), int(height)),
                arrays["image"],
                bool(arrays["is_metric"]),
                int(arrays["segment"]),
                arrays.get("descriptor"),
                DepthNoise(*arrays["noise"].tolist()) if "noise" in arrays else LEARNED,
            )
    except UNREADABLE as error:
        raise InputError(
            f"{path}: not a readable prediction ({type(error).__name__}); make it again with "
            "mapper run --save-predictions"
        ) from error
