"""A scene to export whose points have tracks, and its poses refined by them."""

from __future__ import annotations

import logging
from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from mapper.backend.global_map import GlobalMap
from mapper.backend.tracks.bundle_refinement import Refined, refine
from mapper.backend.tracks.triangulation import with_errors
from mapper.backend.tracks.view import Cameras
from mapper.core.geometry import inverse
from mapper.core.intrinsics import Intrinsics
from mapper.core.sparse_points import SparsePoints
from mapper.errors import ConfigError, InputError
from mapper.io.export.scene import Scene, TrackedPoints
from mapper.run.directory import RunDirectory
from mapper.saved.export_scene import NAME, chosen_frames
from mapper.saved.results import load_cloud, thinned
from mapper.saved.shared_camera import middle_camera
from mapper.saved.sparse_points import at_other_sizes, sparse_points
from mapper.vision.image_sizes import smallness
from mapper.vision.local_features import REPROJECTION_PIXELS

logger = logging.getLogger(__name__)
SPARSE: Final = "sparse"
FUSED: Final = "fused"
MAX_POINTS: Final = 200_000  # of the clouds that splatting starts from


@dataclass(frozen=True, slots=True)
class PointChoice:
    """kind: SPARSE or FUSED; None takes what the format's users need, and fused ones where there
    are no others. with_tracks: whether the format has them. refine: poses by the sparse points.
    one_camera, every: as of the scene."""

    kind: str | None
    with_tracks: bool
    refine: bool = False
    one_camera: bool = False
    every: int | None = None

    def __post_init__(self) -> None:
        if self.refine and self.kind == FUSED:
            raise ConfigError("--refine adjusts sparse points: leave out --points fused")


def with_points(
    run: RunDirectory, saved: GlobalMap, scene: Scene, choice: PointChoice, quiet: bool = False
) -> tuple[Scene, Refined | None]:
    """The scene with the points that are chosen, and what refining it gave.

    Raises InputError where there are none, or refining is of no help; see refine.
    """
    wanted = SPARSE if choice.refine or choice.with_tracks else FUSED
    if (choice.kind or wanted) == SPARSE:
        try:
            tracked = _with_tracks(run, saved, scene, choice.one_camera)
        except InputError as error:
            if choice.kind or choice.refine:
                raise
            logger.warning("%s; they are exported", error)
        else:
            return refined(tracked, saved, choice.every) if choice.refine else (tracked, None)
    cloud = thinned(load_cloud(run, saved, quiet), MAX_POINTS)
    return replace(scene, cloud=cloud), None


def _with_tracks(run: RunDirectory, saved: GlobalMap, scene: Scene, one_camera: bool) -> Scene:
    """The scene with the points that its keyframes' images see, where rays and depth put them."""
    place = {image.name: number for number, image in enumerate(scene.images)}
    number = np.array([place.get(NAME.format(k.frame_index), -1) for k in saved.keyframes])
    worked = [keyframe.intrinsics for keyframe in saved.keyframes]
    if one_camera:
        worked = [middle_camera(worked)] * len(worked)
    exported = [image.intrinsics for image in scene.images]
    before = list(exported)
    for where, camera in zip(number.tolist(), worked, strict=True):
        if where >= 0:
            before[where] = camera
    points = sparse_points(run, saved)
    points = points.with_observations(number[points.views] >= 0)
    points = at_other_sizes(replace(points, views=number[points.views]), before, exported)
    points = with_errors(_cameras(scene), points)
    limits = np.array([_limit(*pair) for pair in zip(before, exported, strict=True)])
    points = points.with_observations(points.errors <= limits[points.views])
    if not len(points):
        raise InputError(
            f"{run.path}: no two of the images have features in common; --points fused are those "
            "of the map"
        )
    return replace(scene, tracked=tracked_points(points))


def refined(scene: Scene, saved: GlobalMap, every: int | None) -> tuple[Scene, Refined]:
    """The scene's every so-manieth frame (None = its keyframes), poses and points adjusted.

    Points are seen by keyframes, all of which are in the scene. The other frames stay where they
    are in theirs. Raises InputError where it is none the better, see refine.
    """
    assert scene.tracked is not None
    T_world_camera = np.array([image.T_world_camera for image in scene.images])
    placed = chosen_frames(saved, every, and_keyframes=True)
    rows = np.flatnonzero([each.is_keyframe for each in placed])
    cameras = [scene.images[row].intrinsics for row in rows.tolist()]
    among = np.searchsorted(rows, scene.tracked.image)
    points = _sparse_points_of(replace(scene.tracked, image=among))
    found = refine(T_world_camera[rows], cameras, points)
    row_of = {placed[row].index: number for number, row in enumerate(rows.tolist())}
    owner = rows[[row_of[each.keyframe.frame_index] for each in placed]]
    T_refined = T_world_camera.copy()
    T_refined[rows] = found.T_world_camera
    T_refined = T_refined[owner] @ inverse(T_world_camera[owner]) @ T_world_camera
    images = [
        replace(image, T_world_camera=T) for image, T in zip(scene.images, T_refined, strict=True)
    ]
    wanted = np.array([every is None or each.index % every == 0 for each in placed])
    seen = found.points.with_observations(wanted[rows][found.points.views])
    new_rows = np.cumsum(wanted) - 1
    seen = replace(seen, views=new_rows[rows][seen.views])
    images = [image for image, is_wanted in zip(images, wanted, strict=True) if is_wanted]
    return replace(scene, images=images, tracked=tracked_points(seen)), found


def tracked_points(points: SparsePoints) -> TrackedPoints:
    """As an export is given them."""
    return TrackedPoints(
        points.positions,
        points.colors,
        points.mean_errors,
        points.views,
        points.of,
        points.pixels,
    )


def _sparse_points_of(points: TrackedPoints) -> SparsePoints:
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
