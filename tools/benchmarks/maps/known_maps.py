"""Maps whose truth is known, made cheaply and in memory: rooms by seed, the sample room, redkitchen
and a TUM recording.

One part of them is to calibrate on and another to judge by; no room by seed is in both. Each is
mapped as a depth camera sees it, fast and blurred ones among them, and as a drifting network is
simulated to see it; some look for no loops, and some are torn afterwards.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Final

import numpy as np
from gauntlet.running import RoomFrames
from simulation.config import SimulationConfig
from simulation.simulator import PredictionSimulator
from simulation.truth import DepthRenderer, fuse_truth, true_poses

from mapper.backend.finalisation import fused_map
from mapper.backend.fusion.tsdf import TsdfConfig
from mapper.backend.global_map import GlobalMap
from mapper.checking.finished_map import FinishedMap
from mapper.config.loader import load_config
from mapper.core.camera_kinds import CameraKind
from mapper.core.frame import Frame
from mapper.core.geometry import exp_se3, inverse
from mapper.core.mesh import Mesh
from mapper.core.prediction import Prediction
from mapper.core.trajectory import Trajectory
from mapper.frontends.base import TrackingState
from mapper.io.sequences.bounded import BoundedSequence
from mapper.io.sequences.depth_readings import depth_camera
from mapper.io.sequences.open_sequence import open_sequence
from mapper.io.sequences.sequence import NumberedFrames, Sequence
from mapper.rooms import RoomSequence, draw_sequence
from mapper.rooms.sample.sequence import make_sample, room_mesh
from mapper.run.outputs import map_metrics
from mapper.slam.mapper import Mapper
from mapper.slam.matchers import choose_matcher

WIDTH, HEIGHT, FRAMES = 160, 120, 45
RATE: Final = 7.0  # Hz, so that the camera gets about in as few frames
BLUR: Final = 0.06  # seconds of exposure
PARTS: Final = ("calibrate", "judge")
SAMPLE: Final = "sample"
RECORDINGS: Final = {"kitchen": "7scenes/redkitchen/seq-01", "cabinet": "tum/*cabinet*"}
SETTINGS: Final = ("threads=false", "backend.fusion.tsdf.voxel_size=0.04")
NO_LOOPS: Final = (
    "backend.loops.candidates.max_loops=0",
    "backend.loops.candidates.max_retrieved=0",
)


@dataclass(frozen=True, slots=True)
class Group:
    """half: of PARTS. first, rooms: the seed of its first room, and how many it has. stretches: of
    SAMPLE and the recordings, the first frame and the stride. drift, is_metric: of the network that
    is simulated to see these."""

    half: str
    first: int
    rooms: int
    stretches: Mapping[str, tuple[int, int]]
    drift: float
    is_metric: bool = False


# What was judged by once calibrates ever since.
GROUPS: Final = (
    Group("calibrate", 3300, 3, {SAMPLE: (0, 2), "kitchen": (0, 5), "cabinet": (0, 6)}, 0.5),
    Group("calibrate", 6000, 3, {SAMPLE: (1, 2), "kitchen": (300, 4)}, 1.5, is_metric=True),
    Group("calibrate", 6100, 3, {SAMPLE: (4, 2), "kitchen": (600, 3)}, 1.0),
    Group("calibrate", 6200, 5, {SAMPLE: (3, 2), "kitchen": (150, 4), "cabinet": (3, 1)}, 0.7),
    Group("calibrate", 3410, 6, {}, 1.0),
    Group("judge", 6270, 5, {SAMPLE: (6, 2), "kitchen": (720, 4), "cabinet": (1, 3)}, 0.6),
    Group("calibrate", 6240, 5, {SAMPLE: (5, 2), "kitchen": (450, 4), "cabinet": (2, 2)}, 0.8),
)


@dataclass(frozen=True, slots=True)
class Known:
    """half: of PARTS. source: a room's seed, SAMPLE, or of RECORDINGS. start, stride:
    of its frames. drift: of the simulated network, as a factor on the usual one; None = the depth
    camera itself. is_metric: whether that network knows the unit. blurred: long exposures. loops:
    whether they are looked for. torn: metres by which the later half of the keyframes was put
    beside its place in the end. draw: seed of the simulation."""

    half: str
    source: str
    start: int = 0
    stride: int = 1
    drift: float | None = None
    is_metric: bool = False
    blurred: bool = False
    loops: bool = True
    torn: float = 0.0
    draw: int = 0

    @property
    def name(self) -> str:
        """For the table."""
        how = "depth" if self.drift is None else f"drift {self.drift:g}"
        words = {"metric": self.is_metric, "blurred": self.blurred, "no loops": not self.loops}
        words[f"torn by {100 * self.torn:.0f} cm"] = self.torn > 0
        told = [word for word, holds in words.items() if holds]
        return ", ".join([f"{self.source} from {self.start} every {self.stride}", how, *told])


def known_maps() -> Iterator[Known]:
    """All of them: of each room and recording a few."""
    for group in GROUPS:
        for source, (start, stride) in group.stretches.items():
            known = Known(group.half, source, start, stride, draw=group.first)
            yield known
            yield replace(known, stride=3 * stride)
            if source != "cabinet":  # too few keyframes
                yield replace(known, torn=0.15)
                yield replace(known, stride=3 * stride, torn=0.05)
                yield replace(known, drift=group.drift, is_metric=group.is_metric)
        for seed in range(group.first, group.first + group.rooms):
            room = Known(group.half, str(seed), draw=seed)
            yield room
            yield replace(room, stride=2, blurred=True, loops=not seed % 2)
            yield replace(room, drift=(0.3, 1.0)[seed % 2])
            yield replace(room, drift=(3.0, 2.0)[seed % 2], is_metric=True)
            yield replace(room, drift=(1.5, 0.5)[seed % 2], loops=False)


@dataclass(frozen=True)
class KnownMap:
    """truth: of its frames. metrics: of each.finished, with the errors against it."""

    known: Known
    finished: FinishedMap
    truth: Trajectory


def mapped(known: Known, data: Path, work: Path) -> KnownMap | None:
    """None where next to nothing could be placed. work: for the frames of the sample room."""
    changes = (*SETTINGS, *(() if known.loops else NO_LOOPS))
    config = load_config(None, changes, {})
    frames = _frames(known, data, work)
    simulated = None if known.drift is None else _simulated(known, frames)
    matcher = choose_matcher(config.matcher)
    with Mapper(config, frontend=simulated, matcher=matcher) as mapper:
        for frame in frames:
            mapper.step(frame)
        result = mapper.finish()
    backend = mapper.backend
    saved, truth = backend.global_map(), frames.ground_truth
    if len(saved.fused_poses) < 3 or truth is None:
        return None
    if known.torn:
        saved = torn(saved, known)
        mesh = fused_map(saved, config.backend.fusion, backend.maps.map).extract_mesh()
        trajectory = saved.trajectory()[1]
        result = replace(result, trajectory=trajectory, mesh=mesh, doubt=None)
    metrics = map_metrics(result, truth)
    if "ate_rmse" not in metrics:
        return None
    graph, finals = backend.graph, result.decisions
    graph.poses.update(saved.poses)
    settings = config.backend
    finished = FinishedMap(
        saved, backend.maps.map, graph, finals, metrics, settings, result.mesh, matcher
    )
    return KnownMap(known, finished, truth)


def torn(saved: GlobalMap, known: Known) -> GlobalMap:
    """Its later keyframes moved by so much, and turned about the first of them by 0.3 of that in
    radians, some way or other."""
    rng = np.random.default_rng(known.draw)
    moved, turned = (axis / np.linalg.norm(axis) for axis in rng.normal(size=(2, 3)))
    ids = list(saved.poses)
    about = np.eye(4)
    about[:3, 3] = saved.poses[ids[len(ids) // 2]][:3, 3]
    by = exp_se3(known.torn * np.concatenate([0.3 * turned, moved]))
    T = about @ by @ inverse(about)
    later = {k: T @ saved.poses[k] for k in ids[len(ids) // 2 :]}
    return replace(saved, poses=saved.poses | later)


class Chosen(NumberedFrames):
    """Every few frames of a sequence, held in memory."""

    kind, path, has_depth = "chosen", Path("chosen"), True
    notes: tuple[str, ...] = ()
    camera_kind: CameraKind | None = None

    def __init__(self, sequence: Sequence, start: int, stride: int) -> None:
        rows = range(start, len(sequence), stride)[:FRAMES]
        self.name, self.intrinsics = sequence.name, sequence.intrinsics
        self.frames = [replace(sequence[row], index=number) for number, row in enumerate(rows)]
        self.timestamps = np.array([frame.timestamp for frame in self.frames])
        self.ground_truth, self.lonely_times = sequence.ground_truth, np.empty(0)

    def __len__(self) -> int:
        return len(self.frames)

    def _frame(self, index: int) -> Frame:
        return self.frames[index]

    def close(self) -> None:
        """Nothing is open."""


class Simulated:
    """The predictions of a network that is simulated, frame by frame."""

    name = "simulated"

    def __init__(self, predictions: Iterator[Prediction], is_metric: bool) -> None:
        self.is_metric, self.state = is_metric, TrackingState.TRACKING
        self.values: dict[str, float] = {}
        self._of = {prediction.frame_index: prediction for prediction in predictions}

    def step(self, frame: Frame) -> list[Prediction]:
        """What it says of a frame."""
        found = self._of.get(frame.index)
        self.state = TrackingState.LOST if found is None else TrackingState.TRACKING
        return [] if found is None else [found]

    def flush(self) -> list[Prediction]:
        """Nothing waits."""
        return []

    def reset(self) -> None:
        """It remembers nothing."""


def _frames(known: Known, data: Path, work: Path) -> Chosen:
    sequence = _sequence(known.source, known.blurred, data, work)
    return Chosen(sequence, known.start, known.stride)


@cache
def _sequence(source: str, blurred: bool, data: Path, work: Path) -> Sequence:
    """Small images; what noise the depth has is found out from it."""
    stored: Sequence
    if source in RECORDINGS:
        stored = open_sequence(next(p for p in data.glob(RECORDINGS[source]) if p.is_dir()))
    elif source == SAMPLE:
        folder = work / "sample"
        if not folder.exists():
            make_sample(folder, 2 * FRAMES, WIDTH, HEIGHT)
        stored = open_sequence(folder)
    else:
        fixed = {"width": WIDTH, "height": HEIGHT, "frames": FRAMES, "moving": "nothing"}
        fixed |= {"path": "hand_held", "rate": RATE} | ({"exposure": BLUR} if blurred else {})
        rooms = RoomFrames(RoomSequence(draw_sequence(int(source), **fixed)))
        stored = Chosen(rooms, 0, 1)  # rendered once
    return BoundedSequence(stored, WIDTH, depth_camera(stored, "auto"))


def _simulated(known: Known, frames: Chosen) -> Simulated:
    poses = true_poses(frames)
    usual = SimulationConfig(seed=known.draw, width=WIDTH, metric=known.is_metric)
    drift = usual.drift.scaled(known.drift or 0.0)
    config = replace(usual, drift=drift, images=replace(usual.images, source="real"))
    renderer = DepthRenderer(_truth(known, frames, poses))
    return Simulated(
        iter(PredictionSimulator(frames, renderer, poses, config)), is_metric=known.is_metric
    )


def _truth(known: Known, frames: Chosen, poses: np.ndarray) -> Mesh:
    if known.source == SAMPLE:
        return room_mesh()
    if known.source in RECORDINGS:
        return fuse_truth(frames, poses, range(len(frames)), TsdfConfig(voxel_size=0.03))
    fixed = {"width": WIDTH, "height": HEIGHT, "frames": FRAMES, "moving": "nothing"}
    spec = draw_sequence(int(known.source), **fixed, path="hand_held", rate=RATE)
    return RoomSequence(spec).mesh()
