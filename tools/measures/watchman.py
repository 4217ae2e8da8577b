"""Are a network's faults found, how soon, and is nothing found where there are none?

    python tools measures.watchman --seeds 3000 3012            # to tune on
    python tools measures.watchman --seeds 5000 5012 --map      # to judge by; also maps them

Predictions are simulated in rooms drawn by seeds, each once as a network makes them and once with
each fault, whose place and size the seed draws. Delay: frames from the first bad one to where a new
segment begins. --map adds the error of the whole mapper, against the same run without the fault.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np
from gauntlet.running import RoomFrames
from simulation.config import ImageConfig, SimulationConfig
from simulation.faults import FAULTS, InjectedFault, with_fault
from simulation.simulator import PredictionSimulator
from simulation.truth import DepthRenderer

from mapper.config.settings import MapperConfig
from mapper.core.frame import Frame
from mapper.core.prediction import Prediction
from mapper.core.trajectory import Trajectory
from mapper.evaluate.metrics.trajectory import evaluate
from mapper.frontends.base import TrackingState
from mapper.rooms.sequence import RoomSequence
from mapper.rooms.spec import draw_sequence
from mapper.slam.mapper import Mapper
from mapper.watchman.config import WatchmanConfig
from mapper.watchman.guard import Guard

WIDTH: Final = 160
IN_TIME: Final = 10  # frames


class Saved:
    """A frontend that says what is in a list; the name is that of one that is watched."""

    name, is_metric = "predictions", False

    def __init__(self, predictions: Sequence[Prediction]) -> None:
        self._by_frame = {p.frame_index: p for p in predictions}
        self.state = TrackingState.TRACKING
        self.values: dict[str, float] = {}

    def step(self, frame: Frame) -> list[Prediction]:
        self.state, self.values = TrackingState.TRACKING, {}
        return [self._by_frame[frame.index]]

    def flush(self) -> list[Prediction]:
        return []

    def reset(self) -> None:
        """Nothing is remembered."""


@dataclass(frozen=True, slots=True)
class Shown:
    """A room's predictions, what was true, and its frames."""

    seed: int
    predictions: list[Prediction]
    truth: Trajectory
    frames: list[Frame]


def shown(seed: int, count: int) -> Shown:
    rooms = RoomSequence(draw_sequence(seed, frames=count))
    frames = RoomFrames(rooms)
    config = SimulationConfig(seed=seed, width=WIDTH, images=ImageConfig(source="real"))
    simulator = PredictionSimulator(
        frames,
        DepthRenderer(rooms.mesh()),
        rooms.ground_truth.T_world_camera,
        config,
    )
    predictions = list(simulator)
    blank = [Frame(p.frame_index, p.timestamp, p.image, None, p.intrinsics) for p in predictions]
    return Shown(seed, predictions, rooms.ground_truth, blank)


def drawn_fault(kind: str, seed: int, count: int) -> InjectedFault:
    rng = np.random.default_rng([seed, FAULTS.index(kind)])
    first = int(rng.integers(count // 4, count // 2))
    size = {
        "jump": rng.uniform(0.4, 1.2),
        "turn": np.deg2rad(rng.uniform(20, 70)),
        "scale": np.exp(rng.choice([-1, 1]) * rng.uniform(0.5, 1.0)),
        "slide": np.exp(rng.choice([-1, 1]) * rng.uniform(0.7, 1.2)),
    }.get(kind, 1.0)
    frames = int(rng.integers(8, 15))
    return InjectedFault(kind, first, frames, float(size), seed)  # type: ignore[arg-type]


def judged(case: Shown, predictions: Sequence[Prediction], config: WatchmanConfig) -> list[str]:
    """What was found, as "fault@frame"."""
    guard, frontend = Guard(config), Saved(predictions)
    for frame in case.frames:
        guard.step(frontend, frame)
    return [f"{event.fault.value}@{event.frame_index}" for event in guard.events]


def delay(found: Sequence[str], first: int) -> int | None:
    """Frames until the fault was found; None: never. What comes before it does not count."""
    after = [int(each.split("@")[1]) - first for each in found]
    return next((late for late in after if late >= 0), None)


def ates(case: Shown, predictions: Sequence[Prediction], unwatched: bool) -> str:
    """Error and placed frames with the watchman, and without it if that is asked for."""
    error, placed = ate(case, predictions, watched=True)
    told = f"{error:.3f} ({placed})"
    if unwatched:
        error, placed = ate(case, predictions, watched=False)
        told += f", unwatched {error:.3f} ({placed})"
    return told


def ate(case: Shown, predictions: Sequence[Prediction], watched: bool) -> tuple[float, int]:
    """Error of the whole mapper [m, RMSE after Sim(3)], and how many frames it placed."""
    with Mapper(
        MapperConfig(threads=False, watchman=WatchmanConfig(enabled=watched)),
        frontend=Saved(predictions),
    ) as mapper:
        for frame in case.frames:
            mapper.step(frame)
        result = mapper.finish()
    truth = case.truth.T_world_camera[result.frame_indices]
    times = case.truth.timestamps[result.frame_indices]
    found = Trajectory(times, result.trajectory.T_world_camera)
    return evaluate(found, Trajectory(times, truth)).ate_sim3.rmse, len(times)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--seeds", type=int, nargs=2, default=(3000, 3006), metavar=("A", "B"))
    parser.add_argument("--frames", type=int, default=90)
    parser.add_argument("--faults", nargs="+", choices=FAULTS, default=FAULTS)
    parser.add_argument("--map", action="store_true", help="also the error of the whole mapper")
    parser.add_argument("--unwatched", action="store_true", help="and that without the watchman")
    options = parser.parse_args()
    cv2.setNumThreads(1)
    config = WatchmanConfig(enabled=True)
    delays: dict[str, list[int | None]] = {kind: [] for kind in options.faults}
    alarms = frames = 0
    for seed in range(*options.seeds):
        case = shown(seed, options.frames)
        found = judged(case, case.predictions, config)
        alarms, frames = alarms + len(found), frames + len(case.frames)
        error = f" {ates(case, case.predictions, options.unwatched)}" if options.map else ""
        print(f"{seed} clean: {found}{error}", flush=True)
        for kind in options.faults:
            fault = drawn_fault(kind, seed, options.frames)
            faulty = list(with_fault(case.predictions, fault))
            found = judged(case, faulty, config)
            delays[kind].append(delay(found, fault.first))
            error = f" {ates(case, faulty, options.unwatched)}" if options.map else ""
            print(f"{seed} {kind} {fault.size:.2f} at {fault.first}: {found}{error}", flush=True)
    print(f"\nfalse alarms: {alarms} in {frames} frames\n| fault | cases | in time | latest |")
    print("| --- | --- | --- | --- |")
    for kind, each in delays.items():
        late = [d for d in each if d is not None]
        in_time = sum(d <= IN_TIME for d in late)
        print(f"| {kind} | {len(each)} | {in_time} | {max(late, default='none')} |")


if __name__ == "__main__":
    main()
