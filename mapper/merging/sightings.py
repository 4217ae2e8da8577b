"""Where a depth camera's runs show what a network's keyframes look at: edges by pixels alone.

Two views of unlike depth do not align better than the network's is warped. Its images are not:
features matched with what the depth camera measured place each as `mapper localize` places a
photograph, and are believed by the same evidence.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Final

import numpy as np

from mapper.backend.global_map import MapOf
from mapper.backend.graph.edge import Edge, EdgeKind
from mapper.backend.keyframes.keyframe import Keyframe
from mapper.core.sim3 import inverse_similarity, rigid_part, scale_of
from mapper.localization.belief import why_not
from mapper.localization.landmarks import Landmarks
from mapper.localization.refinement import UNSEEN_BY_FEATURES
from mapper.localization.sighting import Sighting, best_sighting, matched_views

AROUND: Final = 12  # measured keyframes that a view is matched with
REACH: Final = 1.5  # median depths of the view, within which they are
# What no sighting beats: radians, units of the map. Of the scale it tells nothing.
LEAST: Final = 0.003, 0.005
UNKNOWN_LOG_SCALE: Final = 1.0


def sighted_edges(
    landmarks: Landmarks,
    keyframes: Iterable[Keyframe],
    S_world_keyframe: Mapping[int, np.ndarray],
    map_of: MapOf,
) -> Iterator[Edge]:
    """An edge to each keyframe that is believed, from the measured one with the most matches.

    landmarks: measured keyframes, where they are in the joined map. S_world_keyframe: (4, 4), of
    all; a keyframe is matched with those around it. map_of: the keyframes' images.
    """
    for keyframe in keyframes:
        S = S_world_keyframe.get(keyframe.id)
        if S is None:
            continue
        reach = float(REACH * keyframe.median_depth * scale_of(S))
        near = landmarks.around(rigid_part(S), reach, AROUND)
        views = matched_views(landmarks, near, keyframe.features)
        found = best_sighting(landmarks, keyframe.features, keyframe.intrinsics, views)
        if found is None:
            continue
        if why_not(landmarks, map_of(keyframe.id).image, found, None) is None:
            earlier = found.bearing[0]
            yield sighted_edge(found, (earlier, keyframe.id), S_world_keyframe[earlier], S)


def sighted_edge(
    found: Sighting, ids: tuple[int, int], S_world_i: np.ndarray, S_world_j: np.ndarray
) -> Edge:
    """From a measured keyframe to the one that was placed, with the scale that this has by now."""
    scale = scale_of(S_world_j)
    S_there = found.refined.T_world_camera @ np.diag([scale, scale, scale, 1.0])
    S_i_j = inverse_similarity(S_world_i) @ S_there
    covariance = np.zeros((7, 7))
    covariance[:6, :6] = UNSEEN_BY_FEATURES**2 * found.refined.covariance
    covariance[range(6), range(6)] += np.repeat(LEAST, 3) ** 2
    covariance[6, 6] = UNKNOWN_LOG_SCALE**2
    units = np.array([1.0] * 3 + [1 / scale] * 3 + [1.0])  # translations are j's
    information = np.linalg.inv(units[:, None] * covariance * units)
    return Edge(*ids, S_i_j, 0.5 * (information + information.T), EdgeKind.LOOP)
