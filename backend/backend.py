"""Turns a stream of predictions into keyframes, a pose graph and a dense map."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from mapper.backend.alignment.online import align_newest
from mapper.backend.config import BackendConfig
from mapper.backend.fusion.map_fusion import MapFusion
from mapper.backend.graph.components import main_keyframes
from mapper.backend.graph.edge import Edge, EdgeKind
from mapper.backend.graph.graph_solver import InProcess, Solver
from mapper.backend.graph.optimisation_schedule import OptimisationSchedule
from mapper.backend.graph.pose_graph import PoseGraph
from mapper.backend.keyframe_culling import KeyframeReuse, Released
from mapper.backend.keyframes.frame_placement import FramePlacer
from mapper.backend.keyframes.keyframe import HungFrame, Keyframe
from mapper.backend.keyframes.keyframe_map import KeyframeMap
from mapper.backend.keyframes.keyframe_selector import needs_keyframe
from mapper.backend.keyframes.map_cache import MapCache, MapStore
from mapper.backend.keyframes.prediction_check import finite_prediction
from mapper.backend.keyframes.segment_units import SegmentUnits, median_depth
from mapper.backend.keyframes.trajectory_assembly import assemble_trajectory, placed_stretches
from mapper.backend.loops.linker import KeyframeLinker
from mapper.backend.loops.loop_decision import LoopDecision
from mapper.backend.settlement import OtherAlignment, Settlement, settle
from mapper.core.mesh import Mesh
from mapper.core.prediction import Prediction
from mapper.core.sim3 import rigid_part
from mapper.core.trajectory import Trajectory
from mapper.runtime.stopwatch import Stopwatch
from mapper.vision.local_features import FeatureExtractor


@dataclass(frozen=True, slots=True)
class GraphUpdate:
    """What one prediction changed. opened, closed, released: keyframes, or None.

    edges: of the keyframe that opened. decisions: on every pair that was tried. moved: the poses
    were optimised.
    """

    opened: Keyframe | None = None
    closed: Keyframe | None = None
    edges: tuple[Edge, ...] = ()
    decisions: tuple[LoopDecision, ...] = ()
    moved: bool = False
    released: Released | None = None


class Backend:
    """One prediction in, one GraphUpdate out; `finish` settles everything.

    Knows no model, no file format and no viewer. Its world is the first keyframe.
    """

    def __init__(
        self,
        config: BackendConfig,
        store: MapStore | None = None,
        stopwatch: Stopwatch | None = None,
        solver: Solver | None = None,
    ) -> None:
        """solver: of the pose graph; in this process unless given. It is closed by close()."""
        self.config = config
        self._solver = solver or InProcess()
        self._stopwatch = stopwatch or Stopwatch()
        self.keyframes: list[Keyframe] = []
        self.graph = PoseGraph(config.graph, self._solver)
        self.maps = MapCache(store, config.cached_keyframes, config.fusion.tsdf.max_depth)
        self.fusion = MapFusion(config.fusion, self.maps.map)
        self._units = SegmentUnits()
        self._placer = FramePlacer(config.placement)
        self.linker = KeyframeLinker(self.graph, self.maps, config.edges, config.loops)
        self._reuse = KeyframeReuse(config.reuse, self.graph, self.maps)
        self._schedule = OptimisationSchedule(config.optimise_every, config.optimise_share)
        self._dropped: set[tuple[int, int]] | None = None  # known at the end
        self.settlement = Settlement()
        self._extract_features = FeatureExtractor()
        self._current: Keyframe | None = None  # open; None at the start and after a restore

    def add(self, prediction: Prediction) -> GraphUpdate:
        """Hang the frame on the open keyframe, or close that one and open the next.

        A prediction whose pose is not finite changes nothing.
        """
        finite = finite_prediction(prediction)
        if finite is None:
            return GraphUpdate()
        prediction = self._units(finite)
        current = self._current
        if current is not None and not self._needs_keyframe(current, prediction):
            with self._stopwatch.measure("average"):
                self._hang(current, prediction)
            return GraphUpdate()
        with self._stopwatch.measure("keyframe"):
            previous = self.keyframes[-1] if self.keyframes else None
            self._close_current()
            released = self._release()
            opened = self._open(previous, prediction)
        with self._stopwatch.measure("loops"):
            edges, decisions = self.linker.link(previous, self.keyframes)
        with self._stopwatch.measure("optimise"):
            self._schedule.run(self.graph, edges)
        if self.config.align == "online" and (opened.id + 1) % self.config.online.every == 0:
            with self._stopwatch.measure("align"):
                edges = edges + self._align_newest()
        with self._stopwatch.measure("fuse"):
            self.fusion.sync(self._settled_poses(), self.config.fusion.moves_per_keyframe)
        return GraphUpdate(opened, current, tuple(edges), tuple(decisions), True, released)

    def finish(self, other: OtherAlignment | None = None) -> GraphUpdate:
        """Close the last keyframe, optimise for good, and bring the whole map in line.

        other: aligns the map in place of the backend's own global alignment.
        """
        if not self.keyframes:
            return GraphUpdate()
        current = self._current
        self._close_current()
        self.settle(other)
        return GraphUpdate(closed=current, moved=True)

    def restore(self, keyframes: list[Keyframe], edges: list[Edge], fuse: bool = True) -> None:
        """Take over the closed keyframes and edges of an earlier run, in their order.

        fuse: integrate them into the map again.
        """
        if keyframes:
            self.graph.take_units(keyframes[0].is_metric)
            units = {keyframe.segment: keyframe.units for keyframe in keyframes}
            self._units.resume(units, keyframes[-1].median_depth)
        self.keyframes += keyframes
        for keyframe in keyframes:
            self.maps.adopt(keyframe.id)
        self.linker.restore(keyframes, edges)
        self.graph.optimise()
        if fuse:
            self.fusion.sync(self._main_poses())

    def settle(self, other: OtherAlignment | None = None) -> None:
        """Optimise the graph for good, align, and fuse the maps that this makes better."""
        self.graph.optimise(final=True)
        self._dropped = self._contradicted_loops()
        if other is not None:
            self._settle_otherwise(other)
            return
        measured = self.maps.coarse(self.keyframes[0].id).noise.is_measured
        align = self.config.align in ("final", "online") or (
            self.config.align == "auto" and not measured
        )
        main = [keyframe.id for keyframe in self.main_keyframes()]
        self.settlement = settle(main, self.graph, self.maps, self.config.alignment, align)
        if self.settlement.alignment is None:
            self.fusion.sync(self._main_poses())
            return
        poses = {k: self.graph.poses[k] for k in main}
        refined = self.settlement.refined_maps(self.config.refinement, self.maps, poses)
        self.fusion = MapFusion(self.config.fusion, refined.map)
        self.fusion.sync(poses)

    def _settle_otherwise(self, align: OtherAlignment) -> None:
        """The new maps take the place of the old ones, on disk too: they are the map."""
        keyframes = self.main_keyframes()
        poses = {k.id: self.graph.poses[k.id] for k in keyframes}
        aligned = align(keyframes, poses, self.maps.map)
        self.graph.poses.update(aligned.poses)
        self.fusion = MapFusion(self.config.fusion, aligned.map_of)
        self.fusion.sync(dict(aligned.poses))
        for keyframe in keyframes:
            if keyframe.id in aligned.aligned:
                self.maps.replace(keyframe, aligned.aligned[keyframe.id])

    def close(self) -> None:
        """Let go of what is not memory; the map can still be asked for."""
        self._solver.close()

    def trajectory(self) -> tuple[np.ndarray, Trajectory]:
        """(frame indices (N,), poses of every placed frame), in the order of time."""
        return assemble_trajectory(self.main_keyframes(), self.graph.poses)

    def trajectory_parts(self) -> Iterator[Trajectory]:
        """The same poses a stretch at a time: they need not all be in memory to be written."""
        parts = placed_stretches(self.main_keyframes(), self.graph.poses)
        return (trajectory for _, trajectory in parts)

    def keyframe_trajectory(self) -> Trajectory:
        """Poses of the keyframes alone."""
        main = self.main_keyframes()
        S_world_keyframe = np.array([self.graph.poses[k.id] for k in main]).reshape(-1, 4, 4)
        return Trajectory(np.array([k.timestamp for k in main]), rigid_part(S_world_keyframe))

    def dropped_loops(self) -> set[tuple[int, int]]:
        """Keyframe pairs of the verified loops that the optimised graph contradicted."""
        return self._contradicted_loops() if self._dropped is None else self._dropped

    def _contradicted_loops(self) -> set[tuple[int, int]]:
        loops = (edge for edge in self.graph.edges if edge.kind == EdgeKind.LOOP)
        return {(edge.i, edge.j) for edge in loops if not self.graph.is_inlier(edge)}

    def extract_mesh(self) -> Mesh:
        return self.fusion.extract_mesh()

    def main_keyframes(self) -> list[Keyframe]:
        """Keyframes of the connected part of the graph that holds the most frames."""
        return main_keyframes(self.keyframes, self.graph)

    def _hang(self, current: Keyframe, prediction: Prediction) -> None:
        placement = self._placer.place(current, self.maps.pyramid(current.id), prediction)
        T_keyframe_camera = placement.T_keyframe_camera
        current.frames.append(
            HungFrame(prediction.frame_index, prediction.timestamp, T_keyframe_camera)
        )
        current.T_odometry_last = prediction.T_world_camera
        self.maps.map(current.id).absorb(prediction, T_keyframe_camera, placement.scale)

    def _needs_keyframe(self, current: Keyframe, prediction: Prediction) -> bool:
        if prediction.segment != current.segment:
            return True
        expected = self._placer.expected(current, prediction.T_world_camera)
        depth = self.maps.map(current.id).depth
        return needs_keyframe(current, depth, prediction, expected, self.config.keyframes)

    def _close_current(self) -> None:
        if self._current is not None:
            self.maps.close(self._current)
        self._current = None

    def _release(self) -> Released | None:
        """Let go of the keyframe before the one that was just closed, if nothing needs it."""
        released = self._reuse.release(self.keyframes)
        if released is not None:
            del self.keyframes[-2]
            self.fusion.remove(released.keyframe.id)
            self.linker.forget(released.keyframe)
            self.maps.forget(released.keyframe.id)
        return released

    def _open(self, previous: Keyframe | None, prediction: Prediction) -> Keyframe:
        keyframe = Keyframe(
            self.keyframes[-1].id + 1 if self.keyframes else 0,
            prediction.segment,
            prediction.T_world_camera,
            self._extract_features(prediction.image, prediction.pointmap),
            prediction.intrinsics,
            [HungFrame(prediction.frame_index, prediction.timestamp, np.eye(4))],
            median_depth(prediction),
            prediction.descriptor,
            prediction.is_metric,
            self._units.factor(prediction.segment),
            self._T_previous(previous, prediction),
        )
        if not self.keyframes:
            self.graph.take_units(keyframe.is_metric)
        self.maps.put(keyframe.id, KeyframeMap.of(prediction))
        self.keyframes.append(keyframe)
        self.linker.place(previous, keyframe)
        self._placer.begin(keyframe.T_odometry_keyframe)
        self._current = keyframe
        return keyframe

    def _align_newest(self) -> list[Edge]:
        """Align the newest closed keyframes of the open one's world."""
        component = self.graph.component_of()
        root = component[self.keyframes[-1].id]
        closed = [k.id for k in self.keyframes[:-1] if component[k.id] == root]
        return align_newest(
            closed, self.graph, self.maps, self.config.online, self.config.alignment
        )

    def _T_previous(self, previous: Keyframe | None, prediction: Prediction) -> np.ndarray | None:
        if previous is None or previous.segment != prediction.segment:
            return None
        return self._placer.expected(previous, prediction.T_world_camera)

    def _main_poses(self) -> dict[int, np.ndarray]:
        return {k.id: self.graph.poses[k.id] for k in self.main_keyframes()}

    def _settled_poses(self) -> dict[int, np.ndarray]:
        """Of the keyframes that are closed and will stay."""
        newest = self.keyframes[-self._reuse.pending(len(self.keyframes)) :]
        pending = {keyframe.id for keyframe in newest}
        return {k: S for k, S in self._main_poses().items() if k not in pending}
