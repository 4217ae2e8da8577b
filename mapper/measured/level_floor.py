"""The map's floor is level: each keyframe that sees it, or another level surface, sees up."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import numpy as np

from mapper.backend.fusion.upright import find_floor, held_up
from mapper.backend.global_map import GlobalMap
from mapper.backend.graph.priors import UpPrior
from mapper.backend.keyframes.keyframe_map import KeyframeMap
from mapper.core.geometry import backproject
from mapper.core.mesh import Mesh
from mapper.core.sim3 import rigid_part
from mapper.errors import InputError

NAME: Final = "the level floor"
ACROSS: Final = 80  # points of a keyframe a row
JUMP: Final = 0.1  # of a depth, between neighbours that are no one surface
LAYER: Final = 0.01  # of the middle depth, within which heights are one surface's
LEAST_SEEN: Final = 0.05  # of what a keyframe sees, that is the level surface
LEANING: Final = float(np.cos(np.radians(25)))  # from the map's up: of something else, a slope
FLOOR_RAD: Final = np.radians(2.0)  # that a floor's plane is found off in one keyframe
FEWEST: Final = 3  # keyframes


def of_floor(saved: GlobalMap, mesh: Mesh, map_of: Callable[[int], KeyframeMap]) -> list[UpPrior]:
    """One of every keyframe that sees a level surface. map_of: the keyframes' maps as they are
    fused. Raises InputError where few do."""
    up = find_floor(mesh, held=held_up(rigid_part(np.array(list(saved.poses.values()))))).up
    found = []
    for keyframe, S in saved.fused_poses.items():
        seen = level_up(map_of(keyframe), rigid_part(S)[:3, :3].T @ up)
        if seen is not None:
            found.append(UpPrior(NAME, keyframe, np.eye(3), seen, float(FLOOR_RAD)))
    if len(found) < FEWEST:
        raise InputError(
            f"--gravity auto: {len(found)} of {len(saved.fused_poses)} keyframes see a level "
            f"surface; {FEWEST} are needed"
        )
    return found


def level_up(view: KeyframeMap, expected: np.ndarray) -> np.ndarray | None:
    """The normal (3,) of the lowest large surface that faces about up, in the keyframe's axes; None
    where there is none. expected: (3,), up as the map has it."""
    surface = _surface(view)
    if not len(surface.faces):
        return None
    layer = LAYER * float(np.median(surface.vertices[:, 2]))
    try:
        floor = find_floor(surface, layer=layer, held=expected)
    except InputError:  # there is nothing level
        return None
    heights = surface.vertices @ floor.up
    seen = float(np.mean(np.abs(heights - floor.height) < 2 * layer))
    return floor.up if seen >= LEAST_SEEN and floor.up @ expected > LEANING else None


def _surface(view: KeyframeMap) -> Mesh:
    """What a keyframe sees, in its own units, with a vertex every few pixels."""
    step = max(view.intrinsics.width // ACROSS, 1)
    points = backproject(view.depth, view.intrinsics)[::step, ::step].astype(np.float64)
    rows, columns = points.shape[:2]
    depth = points[..., 2]
    corner = np.arange(rows * columns).reshape(rows, columns)
    a, b, c, d = corner[:-1, :-1], corner[1:, :-1], corner[1:, 1:], corner[:-1, 1:]
    faces = np.stack([a, b, c, a, c, d], axis=-1).reshape(-1, 3)
    ends = depth.ravel()[faces]
    whole = (ends > 0).all(axis=1) & (np.ptp(ends, axis=1) < JUMP * ends.min(axis=1))
    faces = faces[whole]
    used, numbers = np.unique(faces, return_inverse=True)
    vertices, faces = points.reshape(-1, 3)[used], numbers.reshape(-1, 3)
    normals = _normals(vertices, faces)
    return Mesh(
        vertices.astype(np.float32),
        faces.astype(np.int32),
        np.zeros((len(vertices), 3), np.uint8),
        normals.astype(np.float32),
    )


def _normals(vertices: np.ndarray, faces: np.ndarray) -> np.ndarray:
    """(N, 3), unit, towards the camera at the origin."""
    sums = np.zeros_like(vertices)
    corners = vertices[faces]
    crossed = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    for corner in range(3):
        np.add.at(sums, faces[:, corner], crossed)
    return np.asarray(sums / np.maximum(np.linalg.norm(sums, axis=1, keepdims=True), 1e-12))
