"""Proposes pairs of keyframes that may see the same place."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from mapper.backend.graph.edge import EdgeKind
from mapper.backend.graph.pose_table import PoseTable
from mapper.backend.keyframes.keyframe import Keyframe
from mapper.backend.keyframes.map_cache import MapCache
from mapper.backend.loops.descriptor_index import DescriptorIndex
from mapper.backend.loops.view_consistency import view_overlap
from mapper.core.depth_noise import ROOM
from mapper.core.quantities import KeyframesOrZero, Share, Whole
from mapper.core.settings_model import settings
from mapper.core.sim3 import inverse_similarity, rigid_part, scale_of
from mapper.vision.place_index import PlaceIndex

MAX_COMPARED = 60  # of the keyframes in reach, the nearest are compared view by view
REACH = 0.8  # of what is seen: cameras further apart share no view
MAX_ANGLE = np.radians(75)


@settings
class CandidateConfig:
    """Which pairs of keyframes are tried as edges.

    recent: keyframes back up to which a shared view is covisibility and not a loop.
    max_covisible: covisible pairs proposed for each new keyframe.
    max_loops: loops proposed for each new keyframe where the graph sees an overlap.
    max_retrieved: pairs proposed on appearance alone, wherever the graph believes them to be.
    min_overlap: share of points that two views must see both, both ways.
    """

    recent: KeyframesOrZero = 10
    max_covisible: Whole = 4
    max_loops: Whole = 5
    max_retrieved: Whole = 2
    min_overlap: Share = 0.2


@dataclass(frozen=True, slots=True)
class Candidate:
    """An earlier keyframe i that may see what the new one sees. found_by: overlap, proximity,
    appearance (local features) or descriptor (the frontend's)."""

    i: int
    kind: EdgeKind
    found_by: str


class CandidateFinder:
    """Pairs come from the graph's own idea of who sees what and from place recognition."""

    def __init__(self, config: CandidateConfig) -> None:
        self.config = config
        self._places = PlaceIndex()
        self._descriptors = DescriptorIndex()

    def remember(self, keyframe: Keyframe) -> None:
        """File a keyframe for place recognition."""
        self._places.add(keyframe.id, keyframe.features.descriptors)
        if keyframe.descriptor is not None:
            self._descriptors.add(keyframe.id, keyframe.descriptor)

    def forget(self, keyframe: Keyframe) -> None:
        """A keyframe that is none any more."""
        self._places.remove(keyframe.id, keyframe.features.descriptors)
        self._descriptors.remove(keyframe.id)

    def propose(
        self, new: Keyframe, poses: Mapping[int, np.ndarray], maps: MapCache
    ) -> list[Candidate]:
        """Recent keyframes and revisited ones by overlap, then look-alikes from anywhere.

        poses: S_world_keyframe of `new` and of the earlier ones that share its world. The direct
        predecessor is left out where the chain joins it already.
        """
        config = self.config
        overlaps = overlapping(new.id, poses, maps, config.min_overlap)
        recent = [i for i in overlaps if new.id - i <= config.recent][: config.max_covisible]
        revisited = [i for i in overlaps if new.id - i > config.recent][: config.max_loops]
        candidates = [Candidate(i, EdgeKind.COVISIBILITY, "overlap") for i in recent]
        candidates += [Candidate(i, EdgeKind.LOOP, "proximity") for i in revisited]
        taken = {*overlaps, *({new.id - 1} & poses.keys())}
        for found_by, found in self.look_alikes(new):
            fresh = [
                i
                for i in found
                if i not in taken and (new.id - i > config.recent or i not in poses)
            ][: config.max_retrieved]
            taken.update(fresh)
            candidates += [Candidate(i, EdgeKind.LOOP, found_by) for i in fresh]
        return candidates

    def look_alikes(self, new: Keyframe) -> list[tuple[str, list[int]]]:
        """Keyframes that were filed, by each kind of place recognition, best first."""
        count = 3 * self.config.max_retrieved
        found = self._places.query(new.features.descriptors, count)
        retrieved = [("appearance", [i for i, _ in found])]
        if new.descriptor is not None:
            found = self._descriptors.query(new.descriptor, count)
            retrieved.append(("descriptor", [i for i, _ in found]))
        return retrieved


def overlapping(
    new_id: int, poses: Mapping[int, np.ndarray], maps: MapCache, min_overlap: float
) -> list[int]:
    """Earlier keyframes that share at least min_overlap of what the new one sees, the most shared
    first; without the one before it. poses: S_world_keyframe."""
    level = maps.coarse(new_id)
    found = []
    for i in in_reach(new_id, poses, reach_of(new_id, poses, maps)):
        S_old_new = inverse_similarity(poses[i]) @ poses[new_id]
        overlap = view_overlap(level, maps.coarse(i), S_old_new, 2).overlap
        if overlap >= min_overlap:
            found.append((overlap, i))
    return [i for _, i in sorted(found, reverse=True)]


def reach_of(keyframe_id: int, poses: Mapping[int, np.ndarray], maps: MapCache) -> float:
    """Units of the world within which a camera may share a keyframe's view."""
    seen = float(scale_of(poses[keyframe_id])) * maps.seen_depth(keyframe_id)
    return REACH * max(ROOM, seen)


def in_reach(new_id: int, poses: Mapping[int, np.ndarray], reach: float) -> list[int]:
    """A cheap first look: cameras near each other that do not look opposite ways.

    reach: units of the world. At most MAX_COMPARED, the most alike in place and direction,
    whatever the number of keyframes.
    """
    T = rigid_part(poses[new_id])
    ids, others = PoseTable.of(poses).near(T[:3, 3], reach)
    earlier = ids < new_id - 1
    ids, others = ids[earlier], others[earlier]
    if not len(ids):
        return []
    distances = np.linalg.norm(others[:, :3, 3] - T[:3, 3], axis=1)
    traces = np.einsum("ij,nij->n", T[:3, :3], others[:, :3, :3]) / scale_of(others)
    angles = np.arccos(np.clip((traces - 1) / 2, -1, 1))
    facing = angles < MAX_ANGLE
    order = np.argsort((distances / reach + angles / MAX_ANGLE)[facing], kind="stable")
    return sorted(ids[facing][order[:MAX_COMPARED]].tolist())
