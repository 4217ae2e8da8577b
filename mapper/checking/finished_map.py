"""A map that came to its end, read with all that a check asks of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np

from mapper.backend.alignment.refined_maps import RefinedMaps
from mapper.backend.config import BackendConfig
from mapper.backend.global_map import GlobalMap
from mapper.backend.graph.edge import Edge
from mapper.backend.graph.pose_graph import PoseGraph
from mapper.backend.graph.restoration import restored_graph
from mapper.backend.keyframes.keyframe import Keyframe
from mapper.backend.keyframes.keyframe_map import KeyframeMap
from mapper.backend.keyframes.map_cache import MapCache
from mapper.backend.loops.loop_decision import LoopDecision
from mapper.core.mesh import Mesh
from mapper.core.sim3 import scale_of
from mapper.core.trajectory import Trajectory
from mapper.errors import InputError
from mapper.io.meshes.mesh_files import read_mesh
from mapper.run.directory import RunDirectory
from mapper.saved.map import load_decisions, load_graph, load_map
from mapper.saved.opened_map import check_version
from mapper.saved.results import backend_settings_of, is_complete
from mapper.slam.matchers import matcher_that_made
from mapper.vision.matching import FeatureMatcher

Recorded = Callable[[int], KeyframeMap]


@dataclass(frozen=True)
class FinishedMap:
    """saved: its keyframes, in order, and where they are. recorded: their maps by id, as they were
    when they were closed. graph: its edges, at the poses of the map. metrics: as in metrics.json.
    mesh: the fused surface. matcher: the one that made the features."""

    saved: GlobalMap
    recorded: Recorded
    graph: PoseGraph
    decisions: list[LoopDecision]
    metrics: Mapping[str, Any]
    config: BackendConfig
    mesh: Mesh
    matcher: FeatureMatcher

    @classmethod
    def open(cls, run: RunDirectory) -> FinishedMap:
        """Raises InputError for a run that is not finished, or cannot be read any more."""
        check_version(run)
        if not is_complete(run):
            raise InputError(
                f"{run.path}: the run was interrupted, and only a finished map is checked; carry "
                f"on with mapper run --resume --out {run.path}"
            )
        if not any(run.keyframes.path(0).parent.glob("*.npz")):
            raise InputError(
                f"{run.path}: a run without keyframe files cannot be checked; run the sequence "
                "again"
            )
        saved, config = load_map(run), backend_settings_of(run)
        if len(saved.fused_poses) < 2:
            raise InputError(
                f"{run.path}: a map of fewer than two keyframes holds nothing to compare"
            )
        keyframes, edges = load_graph(run, damaged=[])
        graph = restored_graph(config.graph, keyframes, edges)
        graph.poses.update(saved.poses)
        return cls(
            saved,
            run.keyframes.load,
            graph,
            load_decisions(run),
            run.read_json(run.metrics),
            config,
            read_mesh(run.mesh),
            matcher_that_made(saved.keyframes),
        )

    @cached_property
    def keyframes(self) -> dict[int, Keyframe]:
        """Those of the map, by id, in order."""
        return {k.id: k for k in self.saved.keyframes if k.id in self.saved.fused_poses}

    @cached_property
    def order(self) -> dict[int, int]:
        """How many keyframes of the map came before each."""
        return {keyframe_id: number for number, keyframe_id in enumerate(self.keyframes)}

    @property
    def is_metric(self) -> bool:
        """Whether its lengths are in metres."""
        return bool(self.metrics.get("units", "metres") == "metres")

    @cached_property
    def is_measured(self) -> bool:
        """Whether its depth was measured and not predicted."""
        return self.maps.map(next(iter(self.keyframes))).noise.is_measured

    @cached_property
    def edges(self) -> list[Edge]:
        """Between keyframes of the map, that its poses bear out."""
        poses = self.saved.fused_poses
        edges = (e for e in self.graph.edges if e.i in poses and e.j in poses)
        return [edge for edge in edges if self.graph.is_inlier(edge)]

    @cached_property
    def trajectory(self) -> Trajectory:
        """Of every placed frame."""
        return self.saved.trajectory()[1]

    @property
    def way(self) -> float:
        """Units that the camera went."""
        steps = np.diff(self.trajectory.positions, axis=0)
        return float(np.linalg.norm(steps, axis=1).sum())

    @property
    def extent(self) -> float:
        """Units: root mean square distance of the camera from the middle of its way."""
        positions = self.trajectory.positions
        return float(np.sqrt(((positions - positions.mean(axis=0)) ** 2).sum(axis=1).mean()))

    @cached_property
    def median_depth(self) -> float:
        """Units, of what the middling keyframe sees."""
        poses = self.saved.fused_poses
        depths = [k.median_depth * float(scale_of(poses[id])) for id, k in self.keyframes.items()]
        return float(np.median(depths))

    @cached_property
    def maps(self) -> MapCache:
        """The keyframes' depth as it was recorded, bent as the alignment found, not averaged with
        what others saw: they would agree then."""
        tsdf = self.config.fusion.tsdf
        store = _Corrected(self)
        maps = MapCache(store, self.config.cached_keyframes, tsdf.max_depth)
        for keyframe_id in self.keyframes:
            maps.adopt(keyframe_id)
        return maps


class _Corrected:
    """A MapStore to read from."""

    def __init__(self, each: FinishedMap) -> None:
        saved, refinement = each.saved, replace(each.config.refinement, neighbours=0)
        self._bent = RefinedMaps(
            refinement, each.recorded, saved.fused_poses, saved.corrections, saved.pairs
        )

    def save(self, keyframe: Keyframe, keyframe_map: KeyframeMap) -> None:
        """A check changes nothing."""
        raise NotImplementedError

    def load(self, keyframe_id: int) -> KeyframeMap:
        """The map of a keyframe."""
        return self._bent.corrected(keyframe_id)
