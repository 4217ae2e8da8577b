"""Predictions of the sample room in other models' layouts, as small as they can be."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from mapper.core.geometry import inverse
from mapper.core.prediction import Prediction
from tests.support.room_views import Room, in_units

FRAMES = (0, 12, 24, 36)  # of the room's walk, whose numbers in the sequence are 0 to 3
SHRINK = 4  # times smaller than the room's views
FLIP = np.diag([1.0, -1.0, -1.0, 1.0])


def predictions_of(room: Room) -> list[Prediction]:
    """Not metric, every fourth pixel a side."""
    return [in_units(room.prediction(frame), 0.7) for frame in FRAMES]


def arrays_of(room: Room) -> dict[str, np.ndarray]:
    """depth, points, confidence, c2w, w2c, K and image of all frames, (S, ...)."""
    every = predictions_of(room)
    K = room.intrinsics.resized(320 // SHRINK, 240 // SHRINK)
    matrix = K.matrix
    # Every fourth pixel from the first on: its principal point is that of the full image over 4.
    matrix[:2, 2] = room.intrinsics.cx / SHRINK, room.intrinsics.cy / SHRINK
    cut = slice(None, None, SHRINK)
    return {
        "depth": np.stack([p.depth[cut, cut] for p in every]),
        "points": np.stack([p.pointmap[cut, cut] for p in every]),
        "confidence": np.stack([p.confidence[cut, cut] for p in every]),
        "c2w": np.stack([p.T_world_camera for p in every]),
        "w2c": np.stack([inverse(p.T_world_camera) for p in every]),
        "K": np.stack([matrix] * len(every)),
        "image": np.stack([p.image[cut, cut] for p in every]),
    }


def world_points(arrays: dict[str, np.ndarray]) -> np.ndarray:
    """(S, h, w, 3)."""
    R, t = arrays["c2w"][:, :3, :3], arrays["c2w"][:, :3, 3]
    return np.einsum("sij,shwj->shwi", R, arrays["points"]) + t[:, None, None]


def save_vggt(folder: Path, arrays: dict[str, np.ndarray], **changes: np.ndarray | None) -> Path:
    """predictions.npz; changes: other arrays, None = leave it out."""
    stored: dict[str, np.ndarray | None] = {
        "extrinsic": arrays["w2c"][:, :3],
        "intrinsic": arrays["K"],
        "depth": arrays["depth"][..., None],
        "depth_conf": arrays["confidence"],
        "images": arrays["image"].transpose(0, 3, 1, 2) / np.float32(255),
    }
    return save(folder / "predictions.npz", stored | changes)


def save_da3(folder: Path, arrays: dict[str, np.ndarray], **changes: np.ndarray | None) -> Path:
    """exports/npz/results.npz, compressed as the model's own export is."""
    stored: dict[str, np.ndarray | None] = {
        "depth": arrays["depth"],
        "conf": arrays["confidence"],
        "extrinsics": arrays["w2c"][:, :3].astype(np.float32),
        "intrinsics": arrays["K"].astype(np.float32),
        "image": arrays["image"],
    }
    return save(folder / "exports" / "npz" / "results.npz", stored | changes)


def save(path: Path, arrays: dict[str, np.ndarray | None]) -> Path:
    """The arrays that are not None."""
    path.parent.mkdir(parents=True, exist_ok=True)
    there = {name: array for name, array in arrays.items() if array is not None}
    np.savez_compressed(path, allow_pickle=True, **there)
    return path
