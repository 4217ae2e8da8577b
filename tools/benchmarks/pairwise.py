"""Global alignment of the same keyframes by several methods: time, memory, errors.

    python tools benchmarks.pairwise FOLDER [--frames 30] [--first 0] [--stride 10] [--width 0]

FOLDER: predictions with groundtruth.txt (TUM) and truth_mesh.ply, as tools/simulate_predictions.py
writes them. Keyframes are every stride-th prediction from the first. Each method runs in a process
of its own; its time includes all preparation, its memory is the process's peak. ATE is after the
best similarity; the depth error is the median of |depth - truth| / truth over all pixels, after one
scale for all keyframes.

"pairwise" sees the predictions only: its pairs agree with one another wherever the predictions
drift, so that it has nothing to settle. "pairwise, rollouts" gets what the reference gets from its
network: a pair's relative pose and scale are drawn anew for each rollout, with the drift of
FOLDER/simulation.yaml over the time between its keyframes, and every keyframe at its true scale.
"pairwise, autograd" is "pairwise" at the speed of the reference's own way to write it.
"global alignment" is the backend's, from the predicted poses and the predictions' own odometry.
"""

from __future__ import annotations

import argparse
import multiprocessing
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from multiprocessing.connection import Connection
from pathlib import Path

import numpy as np
from simulation.config import DriftConfig
from simulation.drift import simulate_drift
from simulation.truth import DepthRenderer

from benchmarks.parts.pairwise_methods import (
    Aligned,
    aligned_by_autograd,
    as_predicted,
    globally_aligned,
    pairwise_aligned,
)
from mapper.backend.pairwise.config import PairwiseConfig
from mapper.backend.pairwise.prediction_pairs import sequential_pairs
from mapper.core.image_pairs import ImagePair, rollout_indices
from mapper.core.intrinsics import Intrinsics
from mapper.core.prediction import Prediction
from mapper.core.prediction_files import load_prediction, predictions_of
from mapper.core.trajectory import Trajectory, nearest_times
from mapper.core.yaml_text import read_mapping
from mapper.errors import ConfigError, InputError, MapperError
from mapper.evaluate.metrics.trajectory import evaluate
from mapper.io.meshes.mesh_files import read_mesh
from mapper.io.trajectory_files import read_tum
from mapper.runtime.process_health import peak_memory_mb

Method = Callable[[list[Prediction]], Aligned]

METHODS = (
    "as predicted",
    "global alignment",
    "pairwise",
    "pairwise, rollouts",
    "pairwise, autograd",
)


@dataclass(frozen=True)
class Row:
    """seconds: wall time. memory_mb: peak of the process. ate: metres. depth_error: relative."""

    name: str
    seconds: float
    memory_mb: float
    ate: float
    depth_error: float


@dataclass(frozen=True)
class Benchmark:
    """What every method is given, and the truth: trajectory, and depths (n, h, w) in metres."""

    keyframes: list[Prediction]
    truth: Trajectory
    depths: np.ndarray

    @property
    def poses(self) -> np.ndarray:
        """T_world_camera (n, 4, 4), true."""
        times = np.array([keyframe.timestamp for keyframe in self.keyframes])
        return self.truth.T_world_camera[nearest_times(self.truth.timestamps, times)]

    def measure(self, name: str, align: Method) -> Row:
        """Run a method on the keyframes, in a process of its own."""
        receiver, sender = multiprocessing.Pipe(duplex=False)
        context = multiprocessing.get_context("fork")  # a method need not be picklable
        process = context.Process(target=_run, args=(align, self.keyframes, sender))
        process.start()
        sender.close()
        try:
            aligned, seconds, memory_mb = receiver.recv()
        except EOFError as error:
            raise InputError(f"{name}: ended without a result; see the message above") from error
        process.join()
        times = np.array([keyframe.timestamp for keyframe in self.keyframes])
        estimate = Trajectory(times, np.asarray(aligned.T_world_camera, float))
        ate = evaluate(estimate, self.truth).ate_sim3.rmse
        return Row(name, seconds, memory_mb, ate, self._depth_error(aligned.depths))

    def _depth_error(self, depths: np.ndarray) -> float:
        seen = np.stack([keyframe.confidence > 0 for keyframe in self.keyframes])
        valid = seen & (depths > 0) & (self.depths > 0)
        ratio = depths[valid] / self.depths[valid]
        return float(np.median(np.abs(ratio / np.median(ratio) - 1)))


def main() -> int:
    arguments = _parser().parse_args()
    try:
        benchmark = _open(arguments)
        methods = _methods(benchmark, arguments)
        size = benchmark.depths.shape
        print(f"{size[0]} keyframes of {size[2]}x{size[1]}, every {arguments.stride} frames")
        print(
            "| method | seconds | peak MB | ATE [cm] | depth [%] |\n| --- | --- | --- | --- | --- |"
        )
        rows = {}
        for name in arguments.methods or methods:
            rows[name] = benchmark.measure(name, methods[name])
            _show(rows[name])
        _compare(rows)
    except MapperError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


def _methods(benchmark: Benchmark, arguments: argparse.Namespace) -> dict[str, Method]:
    config = PairwiseConfig(iterations=arguments.iterations, device=arguments.device)
    every = (
        as_predicted,
        lambda keyframes: globally_aligned(keyframes, arguments.stride, arguments.device),
        lambda keyframes: pairwise_aligned(sequential_pairs(keyframes), config),
        lambda _: pairwise_aligned(_rollout_pairs(benchmark, arguments), config),
        lambda keyframes: aligned_by_autograd(sequential_pairs(keyframes), config),
    )
    return dict(zip(METHODS, every, strict=True))


def _compare(rows: dict[str, Row]) -> None:
    """How much longer the others take than the global alignment."""
    ours = rows.get("global alignment")
    for name, row in rows.items():
        if ours is not None and name.startswith("pairwise"):
            print(f"{name}: {row.seconds / ours.seconds:.1f} times as long as global alignment")


def _show(row: Row) -> None:
    print(
        f"| {row.name} | {row.seconds:.2f} | {row.memory_mb:.0f} | {row.ate * 100:.2f} "
        f"| {row.depth_error * 100:.2f} |",
        flush=True,
    )


def _run(align: Method, keyframes: list[Prediction], sender: Connection) -> None:
    start = time.perf_counter()
    aligned = align(keyframes)
    seconds = time.perf_counter() - start
    sender.send((aligned, seconds, peak_memory_mb()))


def _rollout_pairs(benchmark: Benchmark, arguments: argparse.Namespace) -> list[ImagePair]:
    """Pairs whose errors are independent from rollout to rollout."""
    keyframes = [
        _at_true_scale(keyframe, depth)
        for keyframe, depth in zip(benchmark.keyframes, benchmark.depths, strict=True)
    ]
    drift = _drift(arguments)
    pairs = []
    for number, indices in enumerate(rollout_indices(len(keyframes))):
        wrong = simulate_drift(benchmark.poses[indices], drift, arguments.seed + number)
        poses = wrong.poses(list(range(len(indices))))
        seen = [
            replace(keyframes[k], pointmap=keyframes[k].pointmap * scale, T_world_camera=T)
            for k, scale, T in zip(indices, wrong.scale.astype(np.float32), poses, strict=True)
        ]
        for place, other in enumerate(indices[1:], 1):
            (pair,) = sequential_pairs([seen[0], seen[place]])
            pairs.append(replace(pair, i=indices[0], j=other))
    return pairs


def _at_true_scale(keyframe: Prediction, depth: np.ndarray) -> Prediction:
    """The drift of scale along the sequence taken out; the depth map's own errors stay."""
    valid = (keyframe.depth > 0) & (depth > 0)
    scale = np.float32(np.median(keyframe.depth[valid] / depth[valid]))
    return replace(keyframe, pointmap=keyframe.pointmap / scale)


def _drift(arguments: argparse.Namespace) -> DriftConfig:
    """The sequence's drift, from one keyframe to the next: its errors hardly change in between."""
    path = arguments.folder / "simulation.yaml"
    try:
        described = read_mapping(path)
        a_frame = DriftConfig(**described["options"]["drift"])
    except (ConfigError, KeyError, TypeError) as error:
        raise InputError(f"{path}: does not describe a simulation; make it again") from error
    correlation = a_frame.correlation_frames / arguments.stride
    return replace(a_frame.scaled(arguments.stride), correlation_frames=correlation)


def _open(arguments: argparse.Namespace) -> Benchmark:
    folder: Path = arguments.folder
    last = arguments.first + arguments.frames * arguments.stride
    keyframes = []
    for index in range(arguments.first, last, arguments.stride):
        files = predictions_of(folder, index)
        if not files:
            raise InputError(f"{folder}: no prediction of frame {index}; choose other keyframes")
        keyframes.append(_subsampled(load_prediction(files[0]), arguments.width))
    truth = read_tum(folder / "groundtruth.txt")
    renderer = DepthRenderer(read_mesh(folder / "truth_mesh.ply"))
    benchmark = Benchmark(keyframes, truth, np.empty(0))
    depths = [
        renderer.depth(keyframe.intrinsics, T_world_camera)
        for keyframe, T_world_camera in zip(keyframes, benchmark.poses, strict=True)
    ]
    return replace(benchmark, depths=np.stack(depths))


def _subsampled(prediction: Prediction, width: int) -> Prediction:
    """Every so many pixels, to a width that divides the prediction's; 0 leaves it."""
    k = prediction.intrinsics
    step = k.width // width if width else 1
    if step < 1 or (width and k.width % width):
        raise InputError(f"--width {width}: the predictions are {k.width} wide; take a divisor")
    pointmap = np.ascontiguousarray(prediction.pointmap[::step, ::step])
    height, width, _ = pointmap.shape
    return replace(
        prediction,
        pointmap=pointmap,
        confidence=np.ascontiguousarray(prediction.confidence[::step, ::step]),
        image=np.ascontiguousarray(prediction.image[::step, ::step]),
        intrinsics=Intrinsics(k.fx / step, k.fy / step, k.cx / step, k.cy / step, width, height),
    )


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--frames", type=int, default=30, help="keyframes")
    parser.add_argument("--first", type=int, default=0, help="frame of the first keyframe")
    parser.add_argument("--stride", type=int, default=10, help="frames from one to the next")
    parser.add_argument("--width", type=int, default=0, help="pixels; 0: the predictions' own")
    parser.add_argument("--methods", nargs="*", choices=METHODS, help="default: all")
    parser.add_argument("--seed", type=int, default=100, help="of the first rollout's drift")
    parser.add_argument("--iterations", type=int, default=300)
    parser.add_argument("--device", default="cpu", help="cpu, cuda or auto")
    return parser


if __name__ == "__main__":
    sys.exit(main())
