"""Turns a stream of predictions into keyframes, a pose graph and a dense map."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from mapper.backend.edge import Edge, EdgeKind
from mapper.backend.fusion import FusionConfig, MapFusion
from mapper.backend.keyframe import HungFrame, Keyframe
from mapper.backend.keyframe_map import KeyframeMap
from mapper.backend.keyframe_selector import KeyframeConfig, needs_keyframe
from mapper.backend.loop_closer import (
    LoopCloser,
    LoopCloserConfig,
    LoopDecision,
    overlap_edge,
    refine_odometry,
)
from mapper.backend.map_cache import MapCache, MapStore
from mapper.backend.pose_graph import PoseGraph, PoseGraphConfig
from mapper.backend.trajectory_assembly import assemble_trajectory
from mapper.errors import ConfigError
from mapper.geometry import inverse, orthonormalised
from mapper.local_features import FeatureExtractor
from mapper.mesh import Mesh
from mapper.prediction import Prediction
from mapper.stopwatch import Stopwatch
from mapper.trajectory import Trajectory


@dataclass(frozen=True, slots=True)
class BackendConfig:
    """keyframes, loops, graph, fusion: the parts' own settings.

    cached_keyframes: maps kept in memory (5 MB each at 640x480); the others are read back.
    optimise_every: keyframes between optimisations when no loop asks for one sooner.
    """

    keyframes: KeyframeConfig = field(default_factory=KeyframeConfig)
    loops: LoopCloserConfig = field(default_factory=LoopCloserConfig)
    graph: PoseGraphConfig = field(default_factory=PoseGraphConfig)
    fusion: FusionConfig = field(default_factory=FusionConfig)
    cached_keyframes: int = 64
    optimise_every: int = 5

    def __post_init__(self) -> None:
        if self.cached_keyframes < 2 or self.optimise_every < 1:
            raise ConfigError(
                f"cached_keyframes {self.cached_keyframes} must be at least 2, "
                f"optimise_every {self.optimise_every} at least 1"
            )


@dataclass(frozen=True, slots=True)
class GraphUpdate:
    """What one prediction changed. opened, closed: keyframes, or None.

    edges: new ones. decisions: on every pair that was tried. moved: the poses were optimised.
    """

    opened: Keyframe | None = None
    closed: Keyframe | None = None
    edges: tuple[Edge, ...] = ()
    decisions: tuple[LoopDecision, ...] = ()
    moved: bool = False


class Backend:
    """One prediction in, one GraphUpdate out; `finish` settles everything.

    Knows no model, no file format and no viewer. Its world is the first keyframe.
    """

    def __init__(
        self,
        config: BackendConfig,
        store: MapStore | None = None,
        stopwatch: Stopwatch | None = None,
    ) -> None:
        self.config = config
        self._stopwatch = stopwatch or Stopwatch()
        self.keyframes: list[Keyframe] = []
        self.graph = PoseGraph(config.graph)
        self.maps = MapCache(store, config.cached_keyframes)
        self.fusion = MapFusion(config.fusion, self.maps.map)
        self._loop_closer = LoopCloser(config.loops)
        self._extract_features = FeatureExtractor()
        self._current: Keyframe | None = None  # open; None at the start and after a restore

    def add(self, prediction: Prediction) -> GraphUpdate:
        """Hang the frame on the open keyframe, or close that one and open the next."""
        current = self._current
        depth = None if current is None else self.maps.map(current.id).depth
        if not needs_keyframe(current, depth, prediction, self.config.keyframes):
            assert current is not None
            with self._stopwatch.measure("average"):
                self._hang(current, prediction)
            return GraphUpdate()
        with self._stopwatch.measure("keyframe"):
            previous = self.keyframes[-1] if self.keyframes else None
            self._close_current()
            opened = self._open(previous, prediction)
        with self._stopwatch.measure("loops"):
            edges, decisions = self._connect(previous, opened)
        with self._stopwatch.measure("optimise"):
            moved = self._optimise_if_due(edges)
        with self._stopwatch.measure("fuse"):
            self.fusion.sync(self._closed_poses(), self.config.fusion.moves_per_keyframe)
        return GraphUpdate(opened, current, tuple(edges), tuple(decisions), moved)

    def finish(self) -> GraphUpdate:
        """Close the last keyframe, optimise for good, and bring the whole map in line."""
        if not self.keyframes:
            return GraphUpdate()
        current = self._current
        self._close_current()
        self.graph.optimise(final=True)
        self.fusion.sync(self._closed_poses(include_last=True))
        return GraphUpdate(closed=current, moved=True)

    def restore(self, keyframes: list[Keyframe], edges: list[Edge], fuse: bool = True) -> None:
        """Take over the closed keyframes and edges of an earlier run, in their order.

        fuse: integrate them into the map again.
        """
        for keyframe in keyframes:
            self.keyframes.append(keyframe)
            self.maps.adopt(keyframe.id)
            self._loop_closer.remember(keyframe)
        for keyframe in keyframes:
            previous = self.keyframes[keyframe.id - 1] if keyframe.id else None
            self.graph.add_pose(keyframe.id, self._initial_pose(previous, keyframe))
            for edge in edges:
                if edge.j == keyframe.id:
                    self.graph.add_edge(edge)
        self.graph.optimise()
        if fuse:
            self.fusion.sync(self._closed_poses(include_last=True))

    def trajectory(self) -> tuple[np.ndarray, Trajectory]:
        """(frame indices (N,), poses of every placed frame), in the order of time."""
        return assemble_trajectory(self.main_keyframes(), self.graph.poses)

    def keyframe_trajectory(self) -> Trajectory:
        """Poses of the keyframes alone."""
        main = self.main_keyframes()
        poses = np.array([self.graph.poses[k.id] for k in main]).reshape(-1, 4, 4)
        return Trajectory(np.array([k.timestamp for k in main]), poses)

    def dropped_loops(self) -> set[tuple[int, int]]:
        """Keyframe pairs of the verified loops that the optimised graph contradicts."""
        loops = (edge for edge in self.graph.edges if edge.kind == EdgeKind.LOOP)
        return {(edge.i, edge.j) for edge in loops if not self.graph.is_inlier(edge)}

    def extract_mesh(self) -> Mesh:
        return self.fusion.extract_mesh()

    def main_keyframes(self) -> list[Keyframe]:
        """Keyframes of the connected part of the graph that holds the most frames.

        Segments that no loop has joined to it are in a world of their own and stay out.
        """
        component = self.graph.component_of()
        frames: dict[int, int] = {}
        for keyframe in self.keyframes:
            root = component[keyframe.id]
            frames[root] = frames.get(root, 0) + len(keyframe.frames)
        main = max(frames, key=lambda root: (frames[root], -root), default=0)
        return [k for k in self.keyframes if component[k.id] == main]

    def _hang(self, current: Keyframe, prediction: Prediction) -> None:
        T_keyframe_camera = inverse(current.T_odometry_keyframe) @ prediction.T_world_camera
        current.frames.append(
            HungFrame(prediction.frame_index, prediction.timestamp, T_keyframe_camera)
        )
        self.maps.map(current.id).absorb(prediction, T_keyframe_camera)

    def _close_current(self) -> None:
        if self._current is not None:
            self.maps.close(self._current)
        self._current = None

    def _open(self, previous: Keyframe | None, prediction: Prediction) -> Keyframe:
        keyframe = Keyframe(
            len(self.keyframes),
            prediction.segment,
            prediction.T_world_camera,
            self._extract_features(prediction.image, prediction.pointmap),
            prediction.intrinsics,
            [HungFrame(prediction.frame_index, prediction.timestamp, np.eye(4))],
        )
        self.maps.put(keyframe.id, KeyframeMap.of(prediction))
        self.keyframes.append(keyframe)
        self.graph.add_pose(keyframe.id, self._initial_pose(previous, keyframe))
        self._current = keyframe
        return keyframe

    def _initial_pose(self, previous: Keyframe | None, keyframe: Keyframe) -> np.ndarray:
        if previous is None:
            return np.eye(4)
        T_world_previous = self.graph.poses[previous.id]
        if _shares_frame(previous, keyframe):
            return orthonormalised(T_world_previous @ previous.frames[-1].T_keyframe_camera)
        if previous.segment != keyframe.segment:
            return T_world_previous  # a guess, until a loop joins the two segments
        T_previous_keyframe = inverse(previous.T_odometry_keyframe) @ keyframe.T_odometry_keyframe
        return orthonormalised(T_world_previous @ T_previous_keyframe)

    def _connect(
        self, previous: Keyframe | None, opened: Keyframe
    ) -> tuple[list[Edge], list[LoopDecision]]:
        """The odometry edge, then every verified edge to earlier keyframes."""
        edges = []
        if previous is not None and _shares_frame(previous, opened):
            edge = overlap_edge(previous, opened, self.config.loops)
            self.graph.add_edge(edge)
            edges.append(edge)
        elif previous is not None and previous.segment == opened.segment:
            edge = refine_odometry(previous, opened, self.maps, self.config.loops)
            self.graph.add_edge(edge)  # and carries the new keyframe to where it fits
            edges.append(edge)
        component = self.graph.component_of()
        poses = {k: T for k, T in self.graph.poses.items() if component[k] == component[opened.id]}
        loops, decisions = self._loop_closer.close(opened, self.keyframes, poses, self.maps)
        for edge in loops:
            self.graph.add_edge(edge)
        return edges + loops, decisions

    def _optimise_if_due(self, edges: list[Edge]) -> bool:
        looped = any(edge.kind == EdgeKind.LOOP for edge in edges)
        if not looped and len(self.keyframes) % self.config.optimise_every:
            return False
        self.graph.optimise()
        return True

    def _closed_poses(self, include_last: bool = False) -> dict[int, np.ndarray]:
        open_id = -1 if include_last else self.keyframes[-1].id
        return {k.id: self.graph.poses[k.id] for k in self.main_keyframes() if k.id != open_id}


def _shares_frame(previous: Keyframe, keyframe: Keyframe) -> bool:
    """A frontend that was reset saw the last frame of one segment again as the next one's first."""
    return (
        previous.segment != keyframe.segment
        and previous.frames[-1].frame_index == keyframe.frame_index
    )
