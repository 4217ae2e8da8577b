"""Does the backend keep tracking waiting? Latency of tracking while a large graph is optimised.

    OMP_NUM_THREADS=1 python tools benchmarks.live [--keyframes 500] [--seconds 20]

Frames of the sample room, at 320x240 and 30 a second, are tracked by the depth-camera frontend and
handed to a worker with the live queue, as Mapper does. The worker optimises a simulated graph
again and again for each of them, from where the odometry puts it, so that it is always behind: in
this process, and in one of its own as `mapper live` does. A frame's latency is from the moment
that it is due until tracking takes the next one.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from benchmarks.parts.growing_walk import Walk, WalkOptions
from mapper.backend.graph.graph_solver import InProcess, Solver
from mapper.backend.graph.pose_graph import PoseGraph, PoseGraphConfig
from mapper.backend.graph.solver_process import SolverProcess
from mapper.core.frame import Frame
from mapper.frontends.rgbd.frontend import RgbdFrontend
from mapper.rooms.renderer import RoomRenderer
from mapper.rooms.sample.camera import sample_intrinsics, sample_poses
from mapper.rooms.sample.furniture import sample_room
from mapper.rooms.sample.sequence import render_sample
from mapper.slam.background_worker import Worker

Poses = dict[int, np.ndarray]
RATE = 30.0  # frames a second
VIEWS = 120
WARM_UP = 30  # frames before the clock counts: compiled kernels are loaded


@dataclass(frozen=True, slots=True)
class Latencies:
    """milliseconds: of each frame. jobs: done by the worker. left_out: of its queue."""

    milliseconds: np.ndarray
    jobs: int
    left_out: int


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--keyframes", type=int, default=500)
    parser.add_argument("--seconds", type=float, default=20.0)
    arguments = parser.parse_args()
    frames = room_frames()
    count = WARM_UP + int(arguments.seconds * RATE)
    solvers: dict[str, Solver] = {
        "solved in this process": InProcess(),
        "solved beside it": SolverProcess(),
    }
    print("| backend | jobs | left out | median [ms] | 99 % [ms] | largest [ms] |")
    print("| --- | --- | --- | --- | --- | --- |")
    show("idle", measure(frames, _nothing, count))
    for name, solver in solvers.items():
        graph, start = simulated_graph(arguments.keyframes, solver)

        def optimise(_: int, graph: PoseGraph = graph, start: Poses = start) -> None:
            graph.poses.update(start)
            graph.optimise()

        show(f"{len(graph.edges)} edges {name}", measure(frames, optimise, count))
        solver.close()


def show(name: str, latencies: Latencies) -> None:
    median, high = np.percentile(latencies.milliseconds, [50, 99])
    print(
        f"| {name} | {latencies.jobs} | {latencies.left_out} | {median:.1f} | {high:.1f} | "
        f"{latencies.milliseconds.max():.1f} |"
    )


def measure(frames: Sequence[Frame], work: Callable[[int], None], count: int) -> Latencies:
    """Track `count` frames at the camera's rate while the worker works on each."""
    frontend = RgbdFrontend()
    done: list[int] = []

    def counted(job: int) -> None:
        work(job)
        done.append(job)

    worker: Worker[int] = Worker(counted, True, lambda jobs: 1)
    latencies, left_out, due = [], 0, time.perf_counter()
    for number in range(count):
        time.sleep(max(0.0, due - time.perf_counter()))
        frontend.step(frames[number % len(frames)])
        left_out += worker.put(number) is not None
        latencies.append((time.perf_counter() - due) * 1e3)
        due = max(due + 1 / RATE, time.perf_counter())  # a late frame is dropped, as live
    worker.join()
    return Latencies(np.array(latencies[WARM_UP:]), len(done), left_out)


def room_frames() -> list[Frame]:
    """There and back through a part of the sample room, so that it can be repeated."""
    renderer, intrinsics = RoomRenderer(sample_room()), sample_intrinsics(320, 240)
    rng = np.random.default_rng(0)
    frames = []
    for index, T in enumerate(sample_poses(2 * VIEWS)[: VIEWS // 2]):
        image, depth = render_sample(renderer, T, intrinsics, rng)
        frames.append(Frame(index, index / RATE, image, depth, intrinsics))
    return frames + frames[::-1]


def simulated_graph(keyframes: int, solver: Solver) -> tuple[PoseGraph, Poses]:
    """A walk with loops, and where its odometry alone puts the keyframes."""
    walk = Walk(WalkOptions(keyframes, free_scale=True))
    graph = PoseGraph(PoseGraphConfig(scale="free"), solver)
    for k, edges in enumerate(walk.arriving()):
        graph.add_pose(k, graph.poses[k - 1] @ edges[0].S_i_j if edges else np.eye(4))
        for edge in edges:
            graph.add_edge(edge)
    return graph, dict(graph.poses)


def _nothing(_: int) -> None:
    """The backend of a run without keyframes."""


if __name__ == "__main__":
    main()
