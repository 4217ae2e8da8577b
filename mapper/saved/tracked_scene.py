"""A scene to export whose points have tracks, and its poses refined by them."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from mapper.backend.global_map import GlobalMap
from mapper.backend.tracks.bundle_refinement import refine
from mapper.backend.tracks.triangulation import placed_again
from mapper.backend.tracks.view import Cameras
from mapper.core.intrinsics import Intrinsics
from mapper.core.sparse_points import SparsePoints
from mapper.errors import InputError
from mapper.io.export.scene import Scene, TrackedPoints
from mapper.run.directory import RunDirectory
from mapper.saved.sparse_points import at_other_sizes, sparse_points
from mapper.vision.image_sizes import smallness
from mapper.vision.local_features import REPROJECTION_PIXELS

logger = logging.getLogger(__name__)


def with_tracks(
    run: RunDirectory,
    saved: GlobalMap,
    scene: Scene,
    places: Sequence[int | None],
    worked: Sequence[Intrinsics],
) -> Scene:
    """The scene with the points that its keyframes' images see, placed by the scene's cameras.

    places: of each of saved.keyframes, where its image is in the scene; None where it is not.
    worked: its camera of the image that was mapped, of the lens that the scene has. InputError
    where no two of the images have a point in common.
    """
    points = sparse_points(run, saved)
    inside = np.array([place is not None for place in places])
    points = points.with_observations(inside[points.views])
    number = np.array([-1 if place is None else place for place in places])
    points = replace(points, views=number[points.views])
    before: list[Intrinsics] = [image.intrinsics for image in scene.images]
    for place, camera in zip(places, worked, strict=True):
        if place is not None:
            before[place] = camera
    exported = [image.intrinsics for image in scene.images]
    points = placed_again(_cameras(scene), at_other_sizes(points, before, exported))
    limits = np.array([_limit(*pair) for pair in zip(before, exported, strict=True)])
    points = points.with_observations(points.errors <= limits[points.views])
    if not len(points):
        raise InputError(
            f"{run.path}: no two of the images have features in common; --points fused exports "
            "the points of the map"
        )
    return replace(scene, tracked=tracked(points))


def refined(scene: Scene) -> Scene:
    """The scene with its poses and points adjusted; what was gained is told in a line.

    Raises InputError where it is none the better, see refine.
    """
    assert scene.tracked is not None
    T_world_camera = np.array([image.T_world_camera for image in scene.images])
    cameras = [image.intrinsics for image in scene.images]
    found = refine(T_world_camera, cameras, _untracked(scene.tracked))
    logger.info(
        "refined: mean reprojection error %.2f px before, %.2f px after; the farthest camera "
        "moved by %.3g units",
        found.before,
        found.after,
        found.moved,
    )
    images = [
        replace(image, T_world_camera=T)
        for image, T in zip(scene.images, found.T_world_camera, strict=True)
    ]
    return replace(scene, images=images, tracked=tracked(found.points))


def tracked(points: SparsePoints) -> TrackedPoints:
    """As an export is given them."""
    return TrackedPoints(
        points.positions,
        points.colors,
        points.mean_errors,
        points.views,
        points.of,
        points.pixels,
    )


def _untracked(points: TrackedPoints) -> SparsePoints:
    starts = np.searchsorted(points.point, np.arange(len(points.xyz) + 1))
    none = np.zeros(len(points.point))
    return SparsePoints(points.xyz, points.rgb, starts, points.image, points.xy, none)


def _cameras(scene: Scene) -> Cameras:
    T_world_camera = np.array([image.T_world_camera for image in scene.images])
    return Cameras.of(T_world_camera, [image.intrinsics for image in scene.images])


def _limit(worked: Intrinsics, exported: Intrinsics) -> float:
    """Pixels of the exported image that are REPROJECTION_PIXELS where features were found."""
    enlarged = (exported.fx / worked.fx + exported.fy / worked.fy) / 2
    return REPROJECTION_PIXELS / smallness(worked.width, worked.height) * enlarged
