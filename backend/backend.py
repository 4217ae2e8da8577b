"""Turns a stream of predictions into keyframes, a pose graph and a dense map."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import islice

import numpy as np

from mapper.backend.alignment.online import align_newest
from mapper.backend.config import BackendConfig
from mapper.backend.correction import CorrectedPoses, Correction, correct
from mapper.backend.finalisation import Aligner, connected_map, finalise, fused_map
from mapper.backend.fusion.map_fusion import MapFusion
from mapper.backend.global_map import GlobalMap
from mapper.backend.graph.components import main_keyframes
from mapper.backend.graph.edge import Edge
from mapper.backend.graph.graph_solver import InProcess, Solver
from mapper.backend.graph.optimisation_schedule import OptimisationSchedule
from mapper.backend.graph.pose_graph import PoseGraph
from mapper.backend.graph_update import GraphUpdate
from mapper.backend.keyframe_culling import CulledKeyframe, KeyframeCuller
from mapper.backend.keyframes.keyframe import Keyframe, turning_of
from mapper.backend.keyframes.keyframe_tracker import KeyframeTracker
from mapper.backend.keyframes.map_cache import MapCache, MapStore
from mapper.backend.loops.linker import KeyframeLinker
from mapper.backend.moving.finding import Moving
from mapper.backend.moving.layer import MovingPoints, moving_points
from mapper.backend.moving.marking import leave_features_out, marked, moving_in
from mapper.backend.priors.knowledge import Knowledge
from mapper.backend.self_doubt.doubt import SelfDoubt, doubt
from mapper.backend.self_doubt.held_frames import HeldFrameCounter, HeldFrames
from mapper.backend.settled_poses import SettledPoses
from mapper.backend.shared_camera import refocus, take_newest_camera
from mapper.core.mesh import Mesh
from mapper.core.prediction import Prediction
from mapper.core.sim3 import rigid_part
from mapper.core.trajectory import Trajectory
from mapper.runtime.stopwatch import Stopwatch
from mapper.vision.matching import FeatureMatcher
from mapper.vision.orb import OrbMatcher


class Backend:
    """One prediction in, one GraphUpdate out; `finish` finalises the map.

    Knows no model, no file format and no viewer. Its world is the first keyframe.
    """

    def __init__(
        self,
        config: BackendConfig,
        store: MapStore | None = None,
        stopwatch: Stopwatch | None = None,
        solver: Solver | None = None,
        matcher: FeatureMatcher | None = None,
    ) -> None:
        """solver: of the pose graph; in this process unless given. It is closed by close().

        matcher: of keyframes' features; ORB unless given.
        """
        self._matcher = matcher = matcher or OrbMatcher()
        self.config = config
        self._solver = solver or InProcess()
        self._stopwatch = stopwatch or Stopwatch()
        self.keyframes: list[Keyframe] = []
        self.graph = PoseGraph(config.graph, self._solver)
        self.maps = MapCache(store, config.cached_keyframes, config.fusion.tsdf.max_depth)
        self.fusion = MapFusion(config.fusion, self.maps.map)
        self._tracker = KeyframeTracker(config.keyframes, config.placement, self.maps, matcher)
        self.linker = KeyframeLinker(self.graph, self.maps, config.edges, config.loops, matcher)
        self._culler = KeyframeCuller(config.reuse, self.graph, self.maps)
        self._settled = SettledPoses(self.graph)
        self._schedule = OptimisationSchedule(config.optimise_every, config.optimise_share)
        self._held = HeldFrameCounter()
        self._final: GlobalMap | None = None  # known at the end
        self._correction = Correction()
        self.moving = Moving()
        self.known = Knowledge()  # of the map from elsewhere; counts at the end

    def add(self, prediction: Prediction) -> GraphUpdate:
        """Track the frame against the open keyframe, or close that one and open the next.

        A prediction whose pose is not finite changes nothing.
        """
        usable = self._tracker.usable(prediction)
        if usable is None:
            return GraphUpdate()
        self._held.note(usable)
        previous = self.keyframes[-1] if self.keyframes else None
        expected = self._tracker.expected(previous, usable)
        if expected is not None and not self._tracker.needs_keyframe(usable, expected):
            with self._stopwatch.measure("average"):
                self._tracker.track(usable, expected)
            return GraphUpdate(self._newest_pose())
        with self._stopwatch.measure("keyframe"):
            closed = self._tracker.close()
            culled = self._cull()
            opened = self._open(previous, usable, expected)
        with self._stopwatch.measure("loops"):
            edges, decisions = self.linker.link(previous, self.keyframes)
        with self._stopwatch.measure("optimise"):
            self._schedule.run(self.graph, edges)
        if self.config.align == "online" and (opened.id + 1) % self.config.online.every == 0:
            with self._stopwatch.measure("align"):
                edges = edges + self._align_newest()
        with self._stopwatch.measure("fuse"):
            self._follow_graph()
        return GraphUpdate(
            self._newest_pose(),
            opened,
            closed,
            culled,
            self.maps.map(opened.id),
            tuple(edges),
            tuple(decisions),
            self.poses,
            self._settled.moved(),
            self.edges,
        )

    def finish(self, aligner: Aligner | None = None) -> GraphUpdate:
        """Close the last keyframe, optimise for good, and bring the whole map in line.

        aligner: aligns the map in place of the backend's own global alignment.
        """
        if not self.keyframes:
            return GraphUpdate()
        closed = self._tracker.close()
        self.finalise(aligner)
        corrected = self._correction
        return GraphUpdate(closed=closed, edges=corrected.edges, corrected=corrected.keyframes)

    def correct(self, poses: CorrectedPoses, first_segment: int = 0) -> None:
        """Take over where the frontend found out, in the end, that frames had been.

        first_segment: of the map, that is the frontend's 0; earlier ones are of a run before.
        """
        self._correction = correct(self.keyframes, self.graph, poses, first_segment)

    def restore(self, keyframes: list[Keyframe], edges: Sequence[Edge], fuse: bool = True) -> None:
        """Take over the closed keyframes and edges of an earlier run, in their order.

        fuse: integrate them into the map again.
        """
        if keyframes:
            self._tracker.resume(keyframes)
        self.keyframes += keyframes
        for keyframe in keyframes:
            self.maps.adopt(keyframe.id)
            self._tracker.redescribe(keyframe)
        self.linker.restore(keyframes, edges)
        self.graph.optimise()
        if fuse:
            self.fusion.sync(self.global_map().poses)

    def finalise(self, aligner: Aligner | None = None) -> None:
        """Optimise the graph for good, align, and fuse the maps that this makes better."""
        take_newest_camera(self.keyframes, self.maps)
        final = finalise(
            self.keyframes,
            self.graph,
            self.maps,
            self.config,
            aligner,
            self.known,
            self._take_out,
        )
        self.graph.poses.update(final.poses)
        refocus(self.keyframes, self.maps, final.focal_factor)
        if final.is_aligned:
            self._take_out(final)
        if final.is_aligned or final.was_tied:
            source = final.maps_to_fuse(self.config.refinement, self.maps.map)
            self.fusion = fused_map(final, self.config.fusion, source)
        else:
            self.fusion.sync(final.poses)
            self.fusion.even_exposures()
        for keyframe in final.keyframes:
            if keyframe.id in final.new_maps:  # they are the map from now on, on disk too
                self.maps.replace(keyframe, final.new_maps[keyframe.id])
        self._final = replace(final, new_maps={})

    def _take_out(self, final: GlobalMap) -> None:
        """Note what moved in the keyframes' maps, or take it out of them."""
        config = self.config
        if config.dynamic == "off" or final.new_maps:
            return
        with self._stopwatch.measure("moving"):
            found = moving_in(final, self.maps.map, config.fusion, config.refinement, config.moving)
        before = self.moving if config.dynamic == "remove" else Moving()
        self.moving = before.joined(found)
        for keyframe in final.keyframes:
            if (pixels := found.pixels.get(keyframe.id)) is None:
                continue
            source = self.maps.map(keyframe.id)
            without = marked(source, pixels, config.dynamic == "remove")
            if config.dynamic == "remove":
                self.fusion.remove(keyframe.id)  # as it went in
                leave_features_out(keyframe, without.depth)
            self.maps.replace(keyframe, without)

    def close(self) -> None:
        """Let go of what is not memory; the map can still be asked for."""
        self._solver.close()

    def global_map(self) -> GlobalMap:
        """The connected map as it is now; at the end with what came of the last optimisation."""
        if self._final is not None:
            return self._final
        return connected_map(self.keyframes, self.graph)

    def moving_points(self) -> Iterator[MovingPoints]:
        """What keyframes saw of things that moved, in the order of time; nothing where none did."""
        final = self.global_map()
        return moving_points(final, self.maps.map) if self.moving.pixels else iter(())

    def self_doubt(self) -> SelfDoubt:
        """What the map says against itself; asked at the end, of the final one."""
        final, alignment = self.global_map(), self.config.edges.alignment
        return doubt(final, self.graph, self.maps, self._matcher, alignment)

    def held_frames(self) -> HeldFrames:
        """Which frames their frontend held by the motion before them, so far."""
        return self._held.found()

    @property
    def poses(self) -> Mapping[int, np.ndarray]:
        """S_world_keyframe (4, 4) of every keyframe, as the graph has it now."""
        return self.graph.poses

    @property
    def edges(self) -> Sequence[Edge]:
        """All of the graph, as they are now."""
        return self.graph.edges

    def trajectory(self) -> tuple[np.ndarray, Trajectory]:
        """(frame indices (N,), poses of every placed frame), in the order of time."""
        return self.global_map().trajectory()

    def keyframe_trajectory(self) -> Trajectory:
        """Poses of the keyframes alone."""
        return self.global_map().keyframe_trajectory()

    def extract_mesh(self) -> Mesh:
        """The fused map as a mesh with colours, in the world of the graph."""
        return self.fusion.extract_mesh()

    def main_keyframes(self) -> list[Keyframe]:
        """Keyframes of the connected part of the graph that holds the most frames."""
        return main_keyframes(self.keyframes, self.graph)

    def _newest_pose(self) -> np.ndarray:
        """T_world_camera (4, 4) of the last frame that was placed."""
        keyframe = self.keyframes[-1]
        return rigid_part(self.poses[keyframe.id] @ keyframe.frames[-1].T_keyframe_camera)

    def _cull(self) -> CulledKeyframe | None:
        """Let go of the keyframe before the one that was just closed, if nothing needs it."""
        culled = self._culler.cull(self.keyframes)
        if culled is not None:
            del self.keyframes[-2]
            self.fusion.remove(culled.keyframe.id)
            self.linker.forget(culled.keyframe)
            self.maps.forget(culled.keyframe.id)
        return culled

    def _open(
        self, previous: Keyframe | None, prediction: Prediction, T_previous: np.ndarray | None
    ) -> Keyframe:
        newest = self.keyframes[-1].id if self.keyframes else -1
        keyframe = self._tracker.open(newest + 1, prediction, T_previous)
        keyframe.turning = turning_of(previous, keyframe)
        if not self.keyframes:
            self.graph.take_units(keyframe.is_metric)
        self.keyframes.append(keyframe)
        self.linker.place(previous, keyframe)
        return keyframe

    def _align_newest(self) -> list[Edge]:
        """Align the newest closed keyframes of the open one's world."""
        world = self.graph.world_of(self.keyframes[-1].id)
        closed = (k.id for k in islice(reversed(self.keyframes), 1, None) if k.id in world)
        newest = [*islice(closed, self.config.online.window)][::-1]
        return align_newest(
            newest, self.graph, self.maps, self.config.online, self.config.alignment
        )

    def _follow_graph(self) -> None:
        """The dense map takes up the keyframes that are closed and will stay, and moves some."""
        moves = self.config.fusion.moves_per_keyframe
        newest = self.keyframes[-self._culler.pending(len(self.keyframes)) :]
        pending = {keyframe.id for keyframe in newest}
        moved = self._settled.changes(pending)
        if moved is not None:
            self.fusion.follow(moved, moves)
            return
        poses = self.global_map().poses
        self.fusion.sync({k: S for k, S in poses.items() if k not in pending}, moves)
