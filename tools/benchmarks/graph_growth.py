"""What a keyframe costs while the pose graph grows: for tools/benchmarks/pose_graph.py."""

from __future__ import annotations

import gc
import time
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.parts.growing_walk import Walk, WalkOptions
from mapper.backend.config import BackendConfig
from mapper.backend.fusion.map_fusion import FusionConfig, MapFusion
from mapper.backend.fusion.tsdf import TsdfConfig, TsdfVolume
from mapper.backend.graph.edge import Edge
from mapper.backend.graph.optimisation_schedule import OptimisationSchedule
from mapper.backend.graph.pose_graph import PoseGraph, PoseGraphConfig
from mapper.backend.graph.pose_table import World
from mapper.backend.keyframes.keyframe_map import KeyframeMap
from mapper.backend.loops.descriptor_index import DescriptorIndex
from mapper.backend.loops.loop_candidates import REACH, in_reach
from mapper.backend.settled_poses import SettledPoses
from mapper.core.depth_noise import ROOM
from mapper.core.intrinsics import Intrinsics
from mapper.vision.place_index import PlaceIndex

MOMENTS = (100, 500, 1000, 5000, 10_000, 20_000)
LAST = 100  # keyframes that a figure is taken over
FEATURES = 500  # of a view
VIEWS_OF_A_PLACE = 10
PARTS = {
    "edges": "poses and edges into the graph",
    "reach": "in_reach",
    "optimise": "optimisation of the newest",
    "map": "what the map must move",
}
SPECK = KeyframeMap(
    np.ones((2, 2), np.float32),
    np.ones((2, 2), np.float32),
    np.zeros((2, 2, 3), np.uint8),
    Intrinsics(1.0, 1.0, 0.5, 0.5, 2, 2),
)


class Nowhere(TsdfVolume):
    """Keeps nothing: what is timed is which views move, not their pixels."""

    def integrate(self, *_: object) -> None: ...


class GrowingGraph:
    """Feeds a walk as Backend.add does, but for the images, and times each part in CPU seconds."""

    def __init__(self, free_scale: bool) -> None:
        config = BackendConfig()
        self.graph = PoseGraph(PoseGraphConfig(scale="free" if free_scale else "fixed"))
        self._schedule = OptimisationSchedule(config.optimise_every, config.optimise_share)
        self._fusion = MapFusion(FusionConfig(), lambda keyframe_id: SPECK)
        self._fusion.volume = Nowhere(TsdfConfig())
        self._settled = SettledPoses(self.graph)
        self._keyframes = 0
        self.seconds: dict[str, list[float]] = defaultdict(list)
        self.whole: dict[int, float] = {}  # keyframes: seconds of the whole optimisation there

    def place(self, edges: list[Edge], S_world_keyframe: np.ndarray) -> None:
        """A keyframe that is known to be there: into graph and map, and nothing is optimised."""
        k = self._keyframes
        self._keyframes += 1
        self._extend(k, edges)
        self.graph.add_pose(k, S_world_keyframe)
        self._follow()

    def add(self, edges: list[Edge]) -> None:
        """A keyframe with its edges from earlier ones, the odometry's first."""
        k = self._keyframes
        self._keyframes += 1
        poses = self._timed("edges", lambda: self._extend(k, edges))
        self._timed("reach", lambda: in_reach(k, poses, REACH * ROOM))
        if self._timed("optimise", lambda: self._schedule.run(self.graph, edges)):
            self.whole[k + 1] = self.seconds["optimise"].pop()
        self._timed("map", self._follow)

    def _timed(self, part: str, work: Callable[[], Any]) -> Any:
        start = time.process_time()
        result = work()
        self.seconds[part].append(time.process_time() - start)
        return result

    def _extend(self, k: int, edges: list[Edge]) -> World:
        """Poses of the keyframes that share the new one's world."""
        graph = self.graph
        graph.add_pose(k, graph.poses[k - 1] @ edges[0].S_i_j if edges else np.eye(4))
        for edge in edges:
            graph.add_edge(edge)
        return graph.world_of(k)

    def _follow(self) -> None:
        moves, moved = self._fusion.config.moves_per_keyframe, self._settled.changes(frozenset())
        if moved is None:  # at the first of them
            self._fusion.sync(self.graph.poses, moves)
        else:
            self._fusion.follow(moved, moves)


def measure_growth(keyframes: int, placed: int) -> None:
    for free_scale in (True, False):
        grow(keyframes, free_scale, placed)
    measure_indices(keyframes)


def grow(keyframes: int, free_scale: bool, placed: int) -> None:
    """placed: keyframes that are put where they truly are; the others find their places."""
    walk = Walk(WalkOptions(keyframes, free_scale))
    growing = GrowingGraph(free_scale)
    gc.collect()
    empty = memory()
    print(f"\n{'Sim(3)' if free_scale else 'SE(3)'}, milliseconds a keyframe, median (99 %)")
    print("| keyframes | edges | " + " | ".join(PARTS.values()) + " | sum | whole | KB each |")
    print("| --- " * (len(PARTS) + 5) + "|")
    errors = []
    for count, edges in enumerate(walk.arriving(), start=1):
        if count <= placed:
            growing.place(edges, walk.truth[count - 1])
            continue
        growing.add(edges)
        errors.append(growing.graph.poses[count - 1][:3, 3] - walk.truth[count - 1][:3, 3])
        if count in (*MOMENTS, keyframes):
            report(growing, count, (memory() - empty) / count)
    rmse = np.sqrt(np.mean(np.sum(np.square(errors), axis=1)))
    whole = growing.whole
    print(f"{len(whole)} optimisations of the whole graph, {sum(whole.values()):.0f} s together")
    start = time.process_time()
    growing.graph.optimise(final=True)
    seconds = time.process_time() - start
    final = [growing.graph.poses[k][:3, 3] - S[:3, 3] for k, S in enumerate(walk.truth)]
    settled = np.sqrt(np.mean(np.sum(np.square(final), axis=1)))
    print(
        f"last: {seconds:.2f} s; error of positions {rmse:.3f} when added, {settled:.3f} after it"
    )


def report(growing: GrowingGraph, count: int, bytes_each: float) -> None:
    cells = []
    for part in PARTS:
        last = 1e3 * np.array(growing.seconds[part][-LAST:])
        cells.append(f"{np.median(last):.2f} ({np.percentile(last, 99):.2f})")
    total = sum(1e3 * float(np.median(growing.seconds[part][-LAST:])) for part in PARTS)
    whole = growing.whole[max(growing.whole)] if growing.whole else np.nan
    print(
        f"| {count} | {len(growing.graph.edges)} | {' | '.join(cells)} | {total:.2f} "
        f"| {whole * 1e3:.0f} | {bytes_each / 1e3:.1f} |",
        flush=True,
    )


def memory() -> int:
    """Resident bytes of this process."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096


def measure_indices(views: int) -> None:
    """Retrieval among views of places, VIEWS_OF_A_PLACE of each."""
    print("\n| views | PlaceIndex, ms a query | DescriptorIndex, ms a query |\n| --- | --- | --- |")
    rng = np.random.default_rng(0)
    places, descriptors = PlaceIndex(), DescriptorIndex()
    for view in range(1, views + 1):
        if view % VIEWS_OF_A_PLACE == 1:
            bits = rng.integers(0, 2, (FEATURES, 256), dtype=np.uint8)
            vector = rng.standard_normal(768)
        seen = np.packbits(bits ^ (rng.random(bits.shape) < 0.05), axis=1)
        described = (vector + 0.3 * rng.standard_normal(768)).astype(np.float32)
        places.add(view, seen)
        descriptors.add(view, described)
        if view in (*MOMENTS, views):
            place, descriptor = (
                query_ms(places, seen),
                query_ms(descriptors, described),
            )
            print(f"| {view} | {place:.2f} | {descriptor:.2f} |", flush=True)


def query_ms(index: PlaceIndex | DescriptorIndex, asked: np.ndarray) -> float:
    times = []
    for _ in range(5):
        start = time.process_time()
        index.query(asked, 6)
        times.append(time.process_time() - start)
    return 1e3 * float(np.median(times))
