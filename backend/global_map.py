"""Where the keyframes of a map are, and what aligning them globally made of their depth."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from mapper.backend.alignment.refined_maps import RefinedMaps, RefinementConfig
from mapper.backend.keyframes.keyframe import Keyframe
from mapper.backend.keyframes.keyframe_map import KeyframeMap
from mapper.backend.keyframes.trajectory_assembly import assemble_trajectory, placed_stretches
from mapper.backend.priors.knowledge import Tie
from mapper.core.sim3 import inverse_similarity, rigid_part
from mapper.core.trajectory import Trajectory

if TYPE_CHECKING:
    from mapper.backend.alignment.alignment import GlobalAlignment

MapOf = Callable[[int], KeyframeMap]


@dataclass(frozen=True, slots=True, eq=False)
class GlobalMap:
    """keyframes: of the connected map, in order. poses: their S_world_keyframe (4, 4), by id.

    corrections: log-depth grids by keyframe id. pairs: ids of keyframes that see the same. Both,
    and `alignment` where it was done in this process, are of the global alignment. new_maps: of
    the pairwise alignment, in place of those before, where it has a better one. left_out: ids of
    keyframes that have a place but whose maps cannot be read. dropped_loops: pairs of keyframes
    whose loop passed verification and was yet given up by the optimised graph. tie: to what is
    known from elsewhere; None where nothing is. apart: frames of keyframes that are in other parts.
    """

    keyframes: list[Keyframe]
    poses: dict[int, np.ndarray]
    corrections: dict[int, np.ndarray] = field(default_factory=dict)
    pairs: list[tuple[int, int]] = field(default_factory=list)
    left_out: list[int] = field(default_factory=list)
    dropped_loops: set[tuple[int, int]] = field(default_factory=set)
    alignment: GlobalAlignment | None = None
    new_maps: dict[int, KeyframeMap] = field(default_factory=dict)
    tie: Tie | None = None
    apart: int = 0

    @property
    def fused_poses(self) -> dict[int, np.ndarray]:
        """Of the keyframes whose maps are part of the mesh."""
        return {k: S for k, S in self.poses.items() if k not in self.left_out}

    @property
    def focal_factor(self) -> float:
        """What the alignment makes of all focal lengths; 1 where it left them as they were."""
        return 1.0 if self.alignment is None else self.alignment.focal_factor

    @property
    def image_size(self) -> tuple[int, int] | None:
        """Width and height of the first keyframe; None where there is none."""
        if not self.keyframes:
            return None
        camera = self.keyframes[0].intrinsics
        return camera.width, camera.height

    @property
    def is_aligned(self) -> bool:
        """Whether maps are to be fused that are better than those of the keyframes."""
        return bool(self.corrections or self.new_maps)

    @property
    def was_tied(self) -> bool:
        """Whether what is known from elsewhere has moved it."""
        return self.tie is not None and not self.tie.refused

    @property
    def is_metric(self) -> bool:
        """Whether it was made metric by that; a frontend may know the unit besides."""
        return self.tie is not None and self.tie.is_metric

    def trajectory(self) -> tuple[np.ndarray, Trajectory]:
        """(frame indices (N,), poses of every placed frame), in the order of time."""
        return assemble_trajectory(self.keyframes, self.poses)

    def trajectory_parts(self) -> Iterator[Trajectory]:
        """The same poses a stretch at a time: they need not all be in memory to be written."""
        return (part for _, part in placed_stretches(self.keyframes, self.poses))

    def keyframe_trajectory(self) -> Trajectory:
        """Poses of the keyframes alone."""
        S_world_keyframe = np.array([self.poses[k.id] for k in self.keyframes]).reshape(-1, 4, 4)
        timestamps = np.array([k.timestamp for k in self.keyframes], float)
        return Trajectory(timestamps, rigid_part(S_world_keyframe))

    def maps_to_fuse(self, config: RefinementConfig, map_of: MapOf) -> MapOf:
        """The keyframes' maps as they should be fused. map_of: as they were recorded."""
        if self.new_maps:
            return lambda keyframe_id: self.new_maps.get(keyframe_id) or map_of(keyframe_id)
        if not self.corrections:
            return map_of
        poses = self.fused_poses
        return RefinedMaps(config, map_of, poses, self.corrections, self.pairs).map


def followed(
    before: Mapping[int, np.ndarray], aligned: Mapping[int, np.ndarray]
) -> dict[int, np.ndarray]:
    """S_world_keyframe of all keyframes, in the order of `before`, where some were moved.

    What was not aligned keeps its place beside its nearest aligned keyframe.
    """
    poses = {}
    for keyframe_id, S in before.items():
        if keyframe_id in aligned:
            poses[keyframe_id] = aligned[keyframe_id]
            continue
        nearest = min(aligned, key=lambda k: (abs(k - keyframe_id), k))
        poses[keyframe_id] = aligned[nearest] @ inverse_similarity(before[nearest]) @ S
    return poses
