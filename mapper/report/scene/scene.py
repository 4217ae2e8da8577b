"""Map, way and keyframes as the page's viewer takes them."""

from __future__ import annotations

import base64
import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import cv2
import numpy as np

from mapper.core.mesh import Mesh
from mapper.report.mesh_picture import FIELD_OF_VIEW, oblique_pose, visible_points
from mapper.report.scene.thinning import thinned

MOST_FACES: Final = 80_000
MOST_POINTS: Final = 4_000  # of the way
MOST_IMAGES: Final = 120
IMAGE_WIDTH: Final = 240  # pixels
QUALITY: Final = 75
GAP: Final = 4.0  # usual steps of time, after which the way is broken


@dataclass(frozen=True, slots=True)
class KeyframeView:
    """timestamp: seconds. T_world_camera: (4, 4). image: uint8 (h, w, 3), RGB, small, or None."""

    timestamp: float
    T_world_camera: np.ndarray
    image: np.ndarray | None


@dataclass(frozen=True, slots=True)
class Scene:
    """What is shown. mesh: with faces. up: unit vector (3,). times: (N,) seconds, and positions
    (N, 3), of all frames with a pose. loops: pairs of rows of keyframes."""

    mesh: Mesh
    up: np.ndarray
    times: np.ndarray
    positions: np.ndarray
    keyframes: Sequence[KeyframeView]
    loops: Sequence[tuple[int, int]]


def shown_images(count: int) -> set[int]:
    """Rows of the keyframes whose image the page holds: all of a few, else evenly spread ones."""
    return set(np.unique(np.linspace(0, count - 1, min(count, MOST_IMAGES)).round()).astype(int))


def as_json(scene: Scene) -> str:
    """The scene in one line that may stand in a script element of a page.

    Arrays are little-endian, in base64. Vertices are uint16 within the box from `low` with sides
    `size`, faces uint16 where `small`, else uint32; poses are rows of T_world_camera (3, 4).
    """
    mesh = thinned(scene.mesh, MOST_FACES)
    low = mesh.vertices.min(axis=0).astype(np.float64)
    size = np.maximum(mesh.vertices.max(axis=0) - low, 1e-9)
    eye = oblique_pose(scene.mesh, scene.up)
    is_small = len(mesh.vertices) < 2**16
    start = float(scene.times[0]) if len(scene.times) else 0.0
    content: dict[str, Any] = {
        "low": low.tolist(),
        "size": size.tolist(),
        "vertices": _packed(np.round((mesh.vertices - low) / size * 65535), "<u2"),
        "colors": _packed(mesh.colors, "u1"),
        "faces": _packed(mesh.faces, "<u2" if is_small else "<u4"),
        "small": is_small,
        "up": scene.up.tolist(),
        "eye": eye[:3, 3].tolist(),
        "target": _middle(scene.mesh).tolist(),
        "fov": float(np.degrees(FIELD_OF_VIEW)),
        "way": _way(scene),
        "keyframes": [_keyframe(each, start) for each in scene.keyframes],
        "loops": [list(pair) for pair in scene.loops],
    }
    return json.dumps(content, separators=(",", ":")).replace("<", "\\u003c")


def _middle(mesh: Mesh) -> np.ndarray:
    points = visible_points(mesh)
    return np.asarray((points.min(axis=0) + points.max(axis=0)) / 2)


def _packed(values: np.ndarray, kind: str) -> str:
    return base64.b64encode(np.ascontiguousarray(values, kind).tobytes()).decode()


def _way(scene: Scene) -> dict[str, str]:
    """Segments of it: pairs of points, and where in time each begins, from 0 to 1."""
    step = max(1, -(-len(scene.times) // MOST_POINTS))
    times, points = scene.times[::step], scene.positions[::step]
    if len(times) < 2:
        return {"points": "", "shares": ""}
    steps = np.diff(times)
    whole = steps <= GAP * np.median(steps)
    pairs = np.stack([points[:-1], points[1:]], axis=1)[whole]
    shares = ((times[:-1] - times[0]) / max(times[-1] - times[0], 1e-9))[whole]
    return {"points": _packed(pairs, "<f4"), "shares": _packed(shares, "<f4")}


def _keyframe(keyframe: KeyframeView, start: float) -> dict[str, Any]:
    shown: dict[str, Any] = {
        "time": round(keyframe.timestamp - start, 3),
        "pose": np.round(keyframe.T_world_camera[:3], 5).ravel().tolist(),
    }
    if keyframe.image is not None:
        shown["image"] = _thumbnail(keyframe.image)
    return shown


def _thumbnail(image: np.ndarray) -> str:
    """JPEG in base64."""
    height = max(1, round(image.shape[0] * IMAGE_WIDTH / image.shape[1]))
    small = cv2.resize(image, (IMAGE_WIDTH, height), interpolation=cv2.INTER_AREA)
    options = [cv2.IMWRITE_JPEG_QUALITY, QUALITY]
    return base64.b64encode(cv2.imencode(".jpg", small[..., ::-1], options)[1].tobytes()).decode()
