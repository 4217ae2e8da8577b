"""One sequence of the gauntlet through the mapper, as a user would run it, and what came of it."""

from __future__ import annotations

import os
import time
import traceback
from collections import Counter
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Final

import cv2
import numpy as np

from gauntlet.cases import Case
from gauntlet.judging import Verdict, edge_errors, found_again, judge, out_of_reach
from gauntlet.pictures import worst_picture
from gauntlet.uncertainty import SIGMAS, PredictedPoses
from mapper.config.settings import MapperConfig
from mapper.core.camera_kinds import CameraKind
from mapper.core.frame import Frame
from mapper.core.intrinsics import Intrinsics
from mapper.core.trajectory import MATCH_SECONDS, Trajectory, nearest_times
from mapper.io.sequences.bounded import BoundedSequence
from mapper.io.sequences.depth_readings import depth_camera
from mapper.io.sequences.open_sequence import open_chosen
from mapper.io.sequences.sequence import NumberedFrames, Sequence
from mapper.request import RunRequest
from mapper.rooms import RoomSequence
from mapper.slam.mapper import Mapper
from mapper.slam.matchers import choose_matcher
from mapper.slam.result import MappingResult
from mapper.slam.warm_up import warm_up

NO_NUMBER: Final = float("nan")


@dataclass(slots=True)
class Outcome:
    """Of one sequence. placed: frames of the map that is handed out; in_parts: frames in other
    maps that were never joined to it. out_of_reach: of frames, those that nobody could join to the
    others. wrong: numbers of the frames that are wrong and confident.
    found_after: after a break of the stream, frames from seeing a known place to being placed; None
    where there is no break or no known place is seen.
    wrong_edges: how many by kind, of `edges` that the graph uses, are off by more than the bounds
    and by more than 2.5 of their own sigmas; off_edges: by more than the bounds, whatever they
    claim; edges_within: by 2.5 of their sigmas or less. cpu_ms: a frame, everything.
    within: of `judged` frames that carry an uncertainty, those that are off by 2.5 sigma or less.
    picture: of the worst frame, JPEG, base64; empty where none is wrong. fault: of a run that
    failed."""

    name: str
    half: str
    traits: dict[str, Any]
    frames: int = 0
    placed: int = 0
    in_parts: int = 0
    out_of_reach: int = 0
    ate: float = NO_NUMBER
    rpe_translation: float = NO_NUMBER
    rpe_rotation: float = NO_NUMBER
    wrong: list[int] = field(default_factory=list)
    found_after: int | None = None
    edges: int = 0
    wrong_edges: dict[str, int] = field(default_factory=dict)
    worst_edge: float = 0.0
    off_edges: int = 0
    edges_within: int = 0
    judged: int = 0
    within: int = 0
    cpu_ms: float = NO_NUMBER
    picture: str = ""
    fault: str = ""

    def as_json(self) -> dict[str, Any]:
        """Plain values."""
        return asdict(self)


class RoomFrames(NumberedFrames):
    """A made-up sequence as one that `mapper run` reads."""

    kind, name, path, has_depth = "tum", "room", Path("room"), True

    def __init__(self, rooms: RoomSequence) -> None:
        self.rooms = rooms
        self.ground_truth: Trajectory | None = rooms.ground_truth
        self.timestamps = rooms.ground_truth.timestamps
        self.intrinsics: Intrinsics | None = rooms.intrinsics
        self.lonely_times = np.empty(0)
        self.notes: tuple[str, ...] = ()
        self.camera_kind: CameraKind | None = None  # nobody tells

    def __len__(self) -> int:
        return len(self.rooms)

    def _frame(self, index: int) -> Frame:
        return self.rooms[index].frame

    def close(self) -> None:
        """Nothing is open."""


def run_case(case: Case) -> Outcome:
    """Map it; a fault of the mapper is an outcome like any other."""
    cv2.setNumThreads(1)
    outcome = Outcome(case.name, case.half, case.traits)
    try:
        _run(case, outcome)
    except Exception as error:
        traceback.print_exc()
        outcome.fault = f"{type(error).__name__}: {error}"
    return outcome


def open_case(case: Case, max_side: int) -> BoundedSequence:
    """Its frames, as `mapper run` has them; what noise the depth has is found out from it."""
    stored: Sequence
    if case.spec is not None:
        stored = RoomFrames(RoomSequence(case.spec))
    else:
        assert case.path is not None
        request = RunRequest(sequence=case.path, stride=case.stride)
        stored = open_chosen(case.path, None, request)
    return BoundedSequence(stored, max_side, depth_camera(stored, "auto"))


def true_poses(sequence: BoundedSequence) -> np.ndarray:
    """T_world_camera (N, 4, 4) of each frame; NaN where the truth has none within reach."""
    truth = sequence.ground_truth
    assert truth is not None
    nearest = nearest_times(truth.timestamps, sequence.timestamps)
    poses = truth.T_world_camera[nearest].copy()
    far = np.abs(truth.timestamps[nearest] - sequence.timestamps) > MATCH_SECONDS
    poses[far] = np.nan
    return poses


def _run(case: Case, outcome: Outcome) -> None:
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    warm_up("rgbd")
    config = MapperConfig(threads=False)
    sequence = open_case(case, config.images.max_side)
    truth = true_poses(sequence)
    seconds = 0.0
    told = PredictedPoses()
    matcher = choose_matcher(config.matcher)
    with Mapper(config, recorder=told, matcher=matcher) as mapper:
        for frame in sequence:
            started = time.process_time()
            mapper.step(frame)
            seconds += time.process_time() - started
        started = time.process_time()
        result = mapper.finish()
        seconds += time.process_time() - started
        outcome.frames = len(sequence)
        outcome.cpu_ms = 1e3 * seconds / len(sequence)
        _judge_graph(mapper, truth, outcome)
    verdict, rows = _judge_trajectory(result, truth)
    outcome.placed = len(result.frame_indices)
    outcome.ate, outcome.rpe_translation = verdict.ate, verdict.rpe_translation
    outcome.rpe_rotation = verdict.rpe_rotation
    outcome.wrong = [int(rows[row]) for row in verdict.wrong]
    sigmas = told.sigmas_off(truth)
    outcome.judged, outcome.within = len(sigmas), int(np.sum(sigmas <= SIGMAS))
    if isinstance(sequence.stored, RoomFrames) and sequence.stored.rooms.jump is not None:
        jump = sequence.stored.rooms.jump
        outcome.found_after = found_again(result.frame_indices, truth, jump)
        outcome.out_of_reach = out_of_reach(truth, jump)
    if outcome.wrong:
        outcome.picture = worst_picture(sequence, truth, result, outcome.wrong)


def _judge_trajectory(result: MappingResult, truth: np.ndarray) -> tuple[Verdict, np.ndarray]:
    """The verdict and the number of the frame of each of its rows."""
    known = np.isfinite(truth[result.frame_indices]).all(axis=(1, 2))
    rows = result.frame_indices[known]
    return judge(result.trajectory.T_world_camera[known], truth[rows]), rows


def _judge_graph(mapper: Mapper, truth: np.ndarray, outcome: Outcome) -> None:
    backend = mapper.backend
    main = {keyframe.id for keyframe in backend.main_keyframes()}
    places = {k.id: truth[k.frames[0].frame_index] for k in backend.keyframes}
    places = {id: T for id, T in places.items() if np.isfinite(T).all()}
    kept = [edge for edge in backend.edges if backend.graph.is_inlier(edge)]
    errors = edge_errors(kept, places)
    wrong = [error for error in errors if error.is_wrong]
    outcome.edges = len(errors)
    outcome.wrong_edges = dict(Counter(error.kind for error in wrong))
    outcome.worst_edge = max((error.metres for error in wrong), default=0.0)
    outcome.off_edges = sum(error.is_off for error in errors)
    outcome.edges_within = sum(error.sigmas <= SIGMAS for error in errors)
    outcome.in_parts = sum(k.frame_count for k in backend.keyframes if k.id not in main)
