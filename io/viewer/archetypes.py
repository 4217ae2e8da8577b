"""What a recording holds of images, depth and poses, made small."""

from __future__ import annotations

import math
from typing import Final

import cv2
import numpy as np
import rerun as rr

from mapper.core.geometry import pose_to_quaternion_xyzw

JPEG_QUALITY: Final = 75
DEPTH_STEPS: Final = 4096  # of a depth image between 0 and its largest value
MAP_WIDTH: Final = 240  # pixels that logged depth and confidence images have at most


def jpeg(image_rgb: np.ndarray, width: int, height: int) -> rr.EncodedImage:
    """An image uint8 (H, W, 3) at no more than the given size."""
    if width < image_rgb.shape[1]:
        image_rgb = cv2.resize(image_rgb, (width, height), interpolation=cv2.INTER_AREA)
    bgr = cv2.cvtColor(image_rgb, cv2.COLOR_RGB2BGR)
    encoded = cv2.imencode(".jpg", bgr, [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY])[1]
    return rr.EncodedImage(contents=encoded.tobytes(), media_type="image/jpeg")


def depth_image(depth: np.ndarray) -> rr.EncodedDepthImage:
    """Depth float32 (H, W), in the map's units, rounded to a share of its largest value."""
    small = _thinned(depth)
    largest = float(small.max(initial=0.0)) or 1.0
    units = np.round(small * (DEPTH_STEPS / largest)).astype(np.uint16)
    contents = cv2.imencode(".png", units)[1].tobytes()
    return rr.EncodedDepthImage(
        blob=contents, media_type="image/png", meter=DEPTH_STEPS / largest, colormap="turbo"
    )


def confidence_image(confidence: np.ndarray) -> rr.EncodedImage:
    """Confidence float32 (H, W) as grey: black is none, white the highest but for strays."""
    small = _thinned(confidence)
    seen = small[small > 0]
    brightest = float(np.percentile(seen, 98)) if len(seen) else 1.0
    grey = np.clip(small * (255 / brightest), 0, 255).astype(np.uint8)
    encoded = cv2.imencode(".jpg", grey, [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY])[1]
    return rr.EncodedImage(contents=encoded.tobytes(), media_type="image/jpeg")


def transform3d(T: np.ndarray, with_scale: bool = True) -> rr.Transform3D:
    """A pose or similarity (4, 4); the viewer draws cameras under pure rotations only."""
    scale = float(np.linalg.norm(T[:3, 0]))
    quaternion = rr.Quaternion(xyzw=pose_to_quaternion_xyzw(T[:3, :3] / scale))
    return rr.Transform3D(
        translation=T[:3, 3], quaternion=quaternion, scale=scale if with_scale else None
    )


def plot_path(name: str) -> str:
    """The entity of a number: timings/ for what ends in _ms, tracking/ for others.

    A name that holds a slash is taken as it is.
    """
    if "/" in name:
        return name
    return f"timings/{name}" if name.endswith("_ms") else f"tracking/{name}"


def _thinned(values: np.ndarray) -> np.ndarray:
    """Every n-th row and column: averages over a depth edge would be points that are nowhere."""
    step = math.ceil(values.shape[1] / MAP_WIDTH)
    return np.nan_to_num(values[::step, ::step], nan=0.0, posinf=0.0, neginf=0.0)
