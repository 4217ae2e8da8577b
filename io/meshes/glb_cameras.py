"""Cameras of a glTF 2.0 scene."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from mapper.core.geometry import pose_to_quaternion_xyzw
from mapper.core.intrinsics import Intrinsics

if TYPE_CHECKING:
    from jaxtyping import Float64

# A camera of glTF looks along -z and has y up; one of OpenCV's looks along z and has y down.
FLIP: Final = np.diag([1.0, -1.0, -1.0, 1.0])
NEAREST: Final = 0.01  # in the map's units: nothing nearer is drawn


@dataclass(frozen=True, slots=True)
class GlbCamera:
    """name: of its node. T_world_camera: (4, 4), OpenCV's axes."""

    name: str
    T_world_camera: Float64[np.ndarray, "4 4"]
    intrinsics: Intrinsics


def nodes_of(cameras: Sequence[GlbCamera]) -> list[dict[str, Any]]:
    """A node for each, in the world frame; the n-th shows the n-th of what is seen through them."""
    nodes = []
    for index, camera in enumerate(cameras):
        T = camera.T_world_camera @ FLIP
        turn = pose_to_quaternion_xyzw(T)
        turn /= np.linalg.norm(turn)
        place = {"translation": T[:3, 3].tolist(), "rotation": turn.tolist()}
        nodes.append({"name": camera.name, "camera": index, **place})
    return nodes


def lens_of(camera: GlbCamera) -> dict[str, Any]:
    """Its perspective; glTF knows no principal point, which stands among the extras [pixels]."""
    lens = camera.intrinsics
    wide, high = lens.width / lens.fx, lens.height / lens.fy
    perspective = {
        "yfov": 2 * math.atan(high / 2),
        "aspectRatio": wide / high,
        "znear": NEAREST,
    }
    pixels = {"fx": lens.fx, "fy": lens.fy, "cx": lens.cx, "cy": lens.cy}
    size = {"width": lens.width, "height": lens.height}
    return {"type": "perspective", "perspective": perspective, "extras": {**pixels, **size}}
