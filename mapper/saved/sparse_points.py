"""Points that several keyframes of a run see, found by the features that are stored with them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

import numpy as np

from mapper.backend.global_map import GlobalMap
from mapper.backend.graph.edge import Edge
from mapper.backend.tracks.linking import link
from mapper.backend.tracks.triangulation import triangulate, well_seen
from mapper.backend.tracks.view import View
from mapper.core.intrinsics import Intrinsics
from mapper.core.sim3 import scale_of
from mapper.core.sparse_points import SparsePoints
from mapper.errors import InputError
from mapper.run.directory import RunDirectory
from mapper.saved.map import load_graph
from mapper.slam.matchers import matcher_that_made

NEIGHBOURS: Final = 3  # keyframes after each that it is matched with, whether an edge is there


def sparse_points(run: RunDirectory, saved: GlobalMap) -> SparsePoints:
    """The points; views are the places of saved.keyframes, pixels those of the keyframes' images.

    Matched are neighbours in time and the pairs of the graph's edges, but for the loops that it
    gave up. InputError where no two keyframes have a point in common.
    """
    keyframes = saved.keyframes
    if len(keyframes) < 2:
        raise InputError(
            f"{run.path}: one keyframe alone has no points that two images see; --points fused "
            "are those of the map"
        )
    poses = saved.keyframe_trajectory().T_world_camera
    noise = run.keyframes.load(keyframes[0].id).noise  # of the one camera or network of the run
    scales = {k.id: float(scale_of(saved.poses[k.id])) for k in keyframes}
    views = [
        View(keyframe.features, T, keyframe.intrinsics, scales[keyframe.id], noise)
        for keyframe, T in zip(keyframes, poses, strict=True)
    ]
    pairs = matched_pairs([k.id for k in keyframes], load_graph(run, damaged=[])[1], saved)
    tracks = link(views, pairs, matcher_that_made(keyframes))
    points = well_seen(views, triangulate(views, tracks))
    if not len(points):
        raise InputError(
            f"{run.path}: no two keyframes have features in common; --points fused are those "
            "of the map"
        )
    return _coloured(run, saved, points)


def matched_pairs(
    ids: Sequence[int], edges: Sequence[Edge], saved: GlobalMap
) -> list[tuple[int, int]]:
    """Pairs (a, b), a < b, of places in the list of keyframes."""
    place = {keyframe_id: number for number, keyframe_id in enumerate(ids)}
    pairs = {
        (number, number + step)
        for step in range(1, NEIGHBOURS + 1)
        for number in range(len(ids) - step)
    }
    for edge in edges:
        given_up = {(edge.i, edge.j), (edge.j, edge.i)} & saved.dropped_loops
        if edge.i in place and edge.j in place and not given_up:
            a, b = sorted((place[edge.i], place[edge.j]))
            pairs.add((a, b))
    return sorted(pairs)


def at_other_sizes(
    points: SparsePoints, worked: Sequence[Intrinsics], exported: Sequence[Intrinsics]
) -> SparsePoints:
    """The points as they lie in the images that the keyframes' ones were made of.

    worked, exported: of each view the camera of either image, of one lens. Errors are scaled too.
    """
    focal, centre, new_focal, new_centre = (
        np.array([[getattr(camera, name + axis) for axis in "xy"] for camera in cameras])
        for cameras in (worked, exported)
        for name in ("f", "c")
    )
    enlarged = (new_focal / focal)[points.views]
    pixels = (points.pixels - centre[points.views]) * enlarged + new_centre[points.views]
    return replace(points, pixels=pixels, errors=points.errors * enlarged.mean(1))


def _coloured(run: RunDirectory, saved: GlobalMap, points: SparsePoints) -> SparsePoints:
    """Each with the mean of the colours at which it is seen."""
    seen = np.zeros((len(points.views), 3))
    for number in np.unique(points.views):
        image = run.keyframes.load(saved.keyframes[number].id).image
        rows = np.flatnonzero(points.views == number)
        u, v = np.rint(points.pixels[rows]).astype(int).T
        height, width = image.shape[:2]
        seen[rows] = image[v.clip(0, height - 1), u.clip(0, width - 1)]
    mean = np.add.reduceat(seen, points.starts[:-1]) / points.lengths[:, None]
    return replace(points, colors=np.rint(mean).astype(np.uint8))
