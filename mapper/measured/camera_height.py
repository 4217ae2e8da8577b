"""How high a camera is held over the floor, which tells the scale of each keyframe that sees it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import numpy as np

from mapper.backend.fusion.upright import find_floor, held_up
from mapper.backend.global_map import GlobalMap
from mapper.backend.graph.priors import ScalePrior
from mapper.backend.keyframes.keyframe_map import KeyframeMap
from mapper.core.geometry import backproject
from mapper.core.mesh import Mesh
from mapper.core.sim3 import rigid_part, scale_of
from mapper.errors import ConfigError, InputError

STEP: Final = 4  # every so many-th pixel of a keyframe a side
HELD: Final = 0.05  # share by which a walking camera's height changes, and a floor is found off
NEAR_FLOOR: Final = 0.15  # share of the camera's height within which a point may be the floor's
LEAST_SEEN: Final = 0.02  # of a keyframe's pixels, that see the floor
FLAT: Final = 0.03  # of the height: how far points of a floor spread about their middle


def check_height(metres: float) -> None:
    """Raise ConfigError where it is none."""
    if not (np.isfinite(metres) and metres > 0):
        raise ConfigError(f"--camera-height {metres:g}: it must be larger than 0")


def of_height(
    metres: float, saved: GlobalMap, mesh: Mesh, map_of: Callable[[int], KeyframeMap]
) -> list[ScalePrior]:
    """One of every keyframe that sees the floor. map_of: the keyframes' maps as they are fused.

    Raises InputError where no keyframe does.
    """
    held = held_up(rigid_part(np.array(list(saved.poses.values()))))
    floor = find_floor(mesh, held=held)
    found = []
    for keyframe_id, S in saved.fused_poses.items():
        height = _height_over(floor.up, floor.height, S, map_of(keyframe_id))
        if height is not None:
            log_metres = float(np.log(metres / height))
            name = f"the camera's height of {metres:g} m"
            found.append(ScalePrior(name, keyframe_id, log_metres, HELD, False))
    if not found:
        raise InputError(
            f"--camera-height {metres:g}: no keyframe sees the floor, of which the map has "
            f"{floor.area:.1f} square units"
        )
    return found


def _height_over(up: np.ndarray, floor: float, S: np.ndarray, view: KeyframeMap) -> float | None:
    """Of the keyframe's camera over the floor that it sees itself, in its own units."""
    scale = float(scale_of(S))
    expected = (float(S[:3, 3] @ up) - floor) / scale
    if expected <= 0:
        return None
    points = backproject(view.depth, view.intrinsics)[::STEP, ::STEP].reshape(-1, 3)
    points = points[points[:, 2] > 0].astype(float)
    if not len(points):
        return None
    below = -(points @ (rigid_part(S)[:3, :3].T @ up))
    near = below[np.abs(below - expected) < NEAR_FLOOR * expected]
    if len(near) < LEAST_SEEN * len(points):
        return None
    middle = float(np.median(near))
    flat = np.abs(near - middle) < FLAT * expected
    if flat.sum() < 0.5 * len(near):
        return None
    return float(np.median(near[flat]))
