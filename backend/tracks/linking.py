"""Which features of several images are of one point."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from mapper.backend.tracks.view import Cameras, View
from mapper.core.geometry import inverse, transform
from mapper.vision.image_sizes import smallness
from mapper.vision.local_features import REPROJECTION_PIXELS
from mapper.vision.matching import FeatureMatcher

if TYPE_CHECKING:
    from jaxtyping import Float64, Int

# A map is off by more than its features are: what the poses explain to so many pixels is looked at.
LINKED: Final = 2.0 * REPROJECTION_PIXELS


@dataclass(frozen=True, slots=True)
class Tracks:
    """starts: int (T + 1,), where the observations of each track begin. views, features: int (O,),
    the number of a view and of a feature in it. A track sees no view twice."""

    starts: Int[np.ndarray, " t+1"]
    views: Int[np.ndarray, " o"]
    features: Int[np.ndarray, " o"]


def limit_of(view: View, pixels: float) -> float:
    """Pixels of an image of usual size, in a view's."""
    return pixels / smallness(view.intrinsics.width, view.intrinsics.height)


def link(
    views: Sequence[View], pairs: Iterable[tuple[int, int]], matcher: FeatureMatcher
) -> Tracks:
    """Join what matches in pairs of views (a, b) and what the poses do not contradict.

    The best explained matches are joined first, and never two tracks that see the same view: of a
    chain of matches that leads back to another feature of an image, the weakest is given up.
    """
    first = np.concatenate([[0], np.cumsum([len(view.features) for view in views])])
    joined: list[np.ndarray] = [np.zeros((0, 2), int)]
    costs: list[np.ndarray] = [np.zeros(0)]
    for a, b in pairs:
        matches = matcher.match(views[a].features, views[b].features)
        cost = _contradiction(views[a], views[b], matches)
        agreeing = cost <= limit_of(views[b], LINKED)
        joined.append(matches[agreeing] + [first[a], first[b]])
        costs.append(cost[agreeing])
    order = np.argsort(np.concatenate(costs), kind="stable")
    return _tracks(np.concatenate(joined)[order], first)


def _contradiction(a: View, b: View, matches: Int[np.ndarray, "m 2"]) -> Float64[np.ndarray, " m"]:
    """Pixels (M,) between b's features and where a's lie in it: their points by either depth, the
    lower of the two; without depth, the ray."""
    if not len(matches):
        return np.zeros(0)
    there = _ray_distance(a, b, matches)
    for source, target, columns in ((a, b, (0, 1)), (b, a, (1, 0))):
        own, others = matches[:, columns[0]], matches[:, columns[1]]
        local = source.scale * source.features.points[own].astype(float)
        known = local[:, 2] > 0
        if not known.any():
            continue
        world = transform(source.T_world_camera, local[known])
        cameras = Cameras.of(target.T_world_camera[None], [target.intrinsics])
        pixels = target.features.pixels[others[known]].astype(float)
        there[known] = np.maximum(
            there[known], cameras.errors(world, np.zeros(len(world), int), pixels)
        )
    return there


def _ray_distance(a: View, b: View, matches: Int[np.ndarray, "m 2"]) -> np.ndarray:
    """Pixels (M,) between b's features and the lines on which the poses put a's."""
    T_b_a = inverse(b.T_world_camera) @ a.T_world_camera
    ray = _rays(a, matches[:, 0]) @ T_b_a[:3, :3].T
    normal = np.cross(T_b_a[:3, 3], ray) @ np.linalg.inv(b.intrinsics.matrix)
    homogeneous = np.c_[b.features.pixels[matches[:, 1]].astype(float), np.ones(len(matches))]
    length = np.linalg.norm(normal[:, :2], axis=1)
    off = np.abs((normal * homogeneous).sum(1))
    return np.divide(off, length, out=np.zeros_like(off), where=length > 0)


def _rays(view: View, features: np.ndarray) -> np.ndarray:
    """Directions (M, 3), z = 1, of features in the camera frame."""
    pixels = np.c_[view.features.pixels[features].astype(float), np.ones(len(features))]
    return np.asarray(pixels @ np.linalg.inv(view.intrinsics.matrix).T)


def _tracks(joined: Int[np.ndarray, "m 2"], first: np.ndarray) -> Tracks:
    """Union-find over features by their running number; members of a set see different views."""
    view_of = np.repeat(np.arange(len(first) - 1), np.diff(first))
    root: dict[int, int] = {}
    members: dict[int, dict[int, int]] = {}  # by root: feature by view

    def found(node: int) -> int:
        if node not in root:
            root[node] = node
            members[node] = {int(view_of[node]): node}
        while root[node] != node:
            root[node] = root[root[node]]
            node = root[node]
        return node

    for one, other in joined.tolist():
        large, small = found(one), found(other)
        if large == small:
            continue
        if len(members[large]) < len(members[small]):
            large, small = small, large
        if members[large].keys().isdisjoint(members[small]):
            root[small] = large
            members[large].update(members.pop(small))
    sets = [sorted(each.values()) for each in members.values() if len(each) >= 2]
    sets.sort()
    nodes = np.array([node for each in sets for node in each], int)
    starts = np.concatenate([[0], np.cumsum([len(each) for each in sets])]).astype(int)
    return Tracks(starts, view_of[nodes], nodes - first[view_of[nodes]])
