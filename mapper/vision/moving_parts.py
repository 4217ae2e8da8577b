"""What of a view moves by itself: arms before the camera, a person who walks through."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

import cv2
import numpy as np

from mapper.core.geometry import inverse
from mapper.runtime.kernels import kernel
from mapper.vision.alignment_evidence import FRONT, compared_with, level_view
from mapper.vision.depth_pyramid import DEPTH_EDGE_RELATIVE, DepthPyramid, Level
from mapper.vision.reprojection import carried, f32, motion_of

if TYPE_CHECKING:
    from jaxtyping import Bool, Float, Int

LEVEL: Final = 1  # of the pyramid
# Neighbours whose normals are further apart lie on two parts, as a foot and the floor do.
CREASE: Final = 0.7
# Share of a part in space that was free, from which on the whole of it has moved: what is wide and
# moved by less than its width hides where it was.
MOVED: Final = 0.2
LEAST_PIXELS: Final = 12  # in free space: fewer are a border's, or noise
MOST_MOVING: Final = 0.6  # of a view
REACH: Final = 7  # pixels: as far from its border light is compared with what moves


def without_moving(
    reference: DepthPyramid, source: DepthPyramid, T_reference_source: Float[np.ndarray, "4 4"]
) -> tuple[DepthPyramid, DepthPyramid] | None:
    """Both without the depth of what has moved, if the source is where T says; None where nothing
    has, or most of it: then nobody knows what stands still."""
    level = min(LEVEL, len(reference.levels) - 1, len(source.levels) - 1)
    a, b = reference.levels[level], source.levels[level]
    moved_a = moving_parts(b, a, inverse(T_reference_source))
    moved_b = moving_parts(a, b, T_reference_source)
    if not (moved_a.any() or moved_b.any()):
        return None
    if max(_share(a, moved_a), _share(b, moved_b)) > MOST_MOVING:
        return None
    return _without(reference, moved_a), _without(source, moved_b)


def moving_parts(
    reference: Level, source: Level, T_reference_source: Float[np.ndarray, "4 4"]
) -> Bool[np.ndarray, "h w"]:
    """Where the source shows parts that stand in space which the reference saw to be free, with
    their surroundings."""
    motion, noise = motion_of(T_reference_source), reference.noise.coefficients
    stands = stands_to(level_view(reference), level_view(source), motion, noise)
    is_front = stands == FRONT
    labels = parts_of(source)
    count = int(labels.max()) + 1
    front = np.bincount(labels[is_front], minlength=count)
    compared = np.bincount(labels[stands > 0], minlength=count)
    moved = (front >= LEAST_PIXELS) & (front > MOVED * compared)
    moved[0] = False  # borders of parts belong to none
    grown = cv2.dilate(moved[labels].astype(np.uint8), np.ones((REACH, REACH), np.uint8))
    return grown > 0


def parts_of(level: Level) -> Int[np.ndarray, "h w"]:
    """Numbers of the surfaces that hang together, from 1; 0 on their borders, and without depth."""
    z, n = level.depth, level.normals
    inner = (z > 0).astype(np.uint8)
    for here, there in (np.s_[:, :-1], np.s_[:, 1:]), (np.s_[:-1], np.s_[1:]):
        jump = np.abs(z[here] - z[there]) > DEPTH_EDGE_RELATIVE * np.minimum(z[here], z[there])
        crease = (n[here] * n[there]).sum(axis=2) < CREASE
        inner[here][jump | crease] = 0
    return np.asarray(cv2.connectedComponents(inner, connectivity=4)[1])


def _share(level: Level, moving: np.ndarray) -> float:
    there = level.depth > 0
    return float(moving[there].mean()) if there.any() else 0.0


def _without(view: DepthPyramid, moving: np.ndarray) -> DepthPyramid:
    return DepthPyramid(tuple(_level_without(level, moving) for level in view.levels))


def _level_without(level: Level, moving: np.ndarray) -> Level:
    height, width = level.depth.shape
    there = cv2.resize(moving.astype(np.uint8), (width, height), interpolation=cv2.INTER_NEAREST)
    return replace(level, depth=np.where(there > 0, np.float32(0), level.depth))


@kernel(fastmath=True)
def stands_to(reference, source, motion, noise):
    """int8 (h, w): how each of the source's points stands to the reference, see compared_with."""
    stands = np.zeros(source.depth.shape, np.int8)
    for row in range(source.depth.shape[0]):
        for column in range(source.depth.shape[1]):
            z = source.depth[row, column]
            if z > 0:
                X = carried(source.camera, motion, f32(column), f32(row), z)
                stands[row, column] = compared_with(reference, X, noise)[0]
    return stands
