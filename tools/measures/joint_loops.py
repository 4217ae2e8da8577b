"""The keyframe loop against chunks, with a simulated network of many views in their place.

    python tools measures.joint_loops SEQUENCE [--seeds 5] [--stride 2] [--max-frames 500]
    python tools/simulate_predictions.py SEQUENCE --out DIR --exact [--stride 2 --width 160]
    python tools measures.joint_loops DIR --backend [--streams keyframes chunks-120-60]

The sequence has ground-truth poses and depth. A call of the network answers with the truth of its
views, in the first one's frame and a scale of its own, wrong as a network may be: each pose by a
little, each depth by a factor, a smooth field and noise a pixel. How wrong (Errors) is assumed,
for calls of any number of views the same. Printed is the ATE after a similarity (metres, RMSE) of
what the streams say, before any backend; with --backend also of what the backend makes of the very
same predictions, after its pose graph and after global alignment. It aligns images and depths, so
these must be of one geometry: DIR holds views rendered of the sequence's own surface.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import astuple, dataclass, replace
from pathlib import Path
from typing import Final

import cv2
import numpy as np
from scipy.spatial.transform import Rotation

from mapper.backend.backend import Backend
from mapper.backend.config import BackendConfig
from mapper.core.geometry import backproject, inverse, transform, umeyama
from mapper.core.intrinsics import Intrinsics
from mapper.core.prediction import Prediction
from mapper.core.prediction_files import load_prediction
from mapper.core.sim3 import similarity
from mapper.core.trajectory import nearest_times
from mapper.errors import InputError
from mapper.frontends.da3.chunks.stream import ChunkStream
from mapper.frontends.keyframe_loop.config import LoopRules
from mapper.frontends.keyframe_loop.stream import (
    JointNetwork,
    KeyframeStream,
    Limits,
    Streamed,
    Together,
)
from mapper.io.sequences.open_sequence import open_sequence

SIZE: Final = (80, 60)  # of the simulated network's maps
RENDERED: Final = "simulation.yaml"  # lies in DIR
NOTHING: Final = 1.001  # confidence where the truth has no depth
FIELD: Final = (4, 3)  # nodes of the smooth error
Stream = KeyframeStream | ChunkStream
STREAMS: Final[dict[str, Callable[[JointNetwork], Stream]]] = {
    "keyframes": lambda network: KeyframeStream(network, LoopRules(), Limits()),
    "chunks-120-60": lambda network: ChunkStream(network, 120, 60),
    "chunks-30-15": lambda network: ChunkStream(network, 30, 15),
}


@dataclass(frozen=True, slots=True)
class Errors:
    """Deviations. scale: of a call, log. turn [rad] and move (of the median depth): of a view's
    pose. depth: of a view's scale, log. smooth, pixel: of its depths, log."""

    scale: float = 0.3
    turn: float = 0.005
    move: float = 0.01
    depth: float = 0.015
    smooth: float = 0.02
    pixel: float = 0.01


@dataclass(frozen=True, eq=False)
class Truth:
    """T_world_camera: (N, 4, 4). depths: (N, h, w), 0 = none. images: RGB of the same size.
    timestamps: seconds."""

    T_world_camera: np.ndarray
    depths: np.ndarray
    camera: Intrinsics
    images: np.ndarray
    timestamps: np.ndarray


class SimulatedNetwork:
    """An image is its own number here."""

    def __init__(self, truth: Truth, errors: Errors, seed: int) -> None:
        self.calls = 0
        self._truth, self._errors = truth, errors
        self._rng = np.random.default_rng(seed)

    def own(self, image: np.ndarray) -> int:
        return int(image[0])

    def together(
        self, views: Sequence[int], cameras: Sequence[Intrinsics | None], wanted: int
    ) -> Together:
        self.calls += 1
        rng, errors, truth = self._rng, self._errors, self._truth
        scale = float(np.exp(rng.normal(0, errors.scale)))
        depths = truth.depths[list(views)]
        middle = float(np.median(depths[depths > 0]))
        T = inverse(truth.T_world_camera[views[0]]) @ truth.T_world_camera[list(views)]
        turns = Rotation.from_rotvec(rng.normal(0, errors.turn, (len(views), 3))).as_matrix()
        T[:, :3, :3] = T[:, :3, :3] @ turns
        T[:, :3, 3] += rng.normal(0, errors.move * middle, (len(views), 3))
        T[:, :3, 3] *= scale
        told = scale * np.stack([self._wrong(depth) for depth in depths[-wanted:]])
        known = depths[-wanted:] > 0
        told = np.where(known, told, scale * middle).astype(np.float32)
        confidence = np.where(known, 3.0, NOTHING).astype(np.float32)
        return Together(
            T, [truth.camera] * len(views), told, confidence, np.zeros((wanted, 1), np.float32)
        )

    def _wrong(self, depth: np.ndarray) -> np.ndarray:
        errors, rng = self._errors, self._rng
        field = rng.normal(0, errors.smooth, FIELD[::-1]).astype(np.float32)
        smooth = cv2.resize(field, depth.shape[::-1], interpolation=cv2.INTER_CUBIC)
        off = rng.normal(0, errors.depth) + smooth + rng.normal(0, errors.pixel, depth.shape)
        return depth * np.exp(off)


@dataclass(frozen=True, slots=True)
class Found:
    """ATE in metres: as told, after the pose graph, after alignment; NaN = not asked for. left_out:
    share of the frames that the map lacks."""

    told: float
    graph: float = np.nan
    aligned: float = np.nan
    left_out: float = np.nan

    def line(self) -> str:
        if np.isnan(self.graph):
            return f"{self.told:.4f}"
        ates = f"{self.told:.4f} told, {self.graph:.4f} graph, {self.aligned:.4f} aligned"
        return f"{ates}, {self.left_out:.1%} of the frames not in the map"


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("source", type=Path, help="a sequence, or DIR")
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--stride", type=int, default=2)
    parser.add_argument("--max-frames", type=int, default=500)
    parser.add_argument("--streams", nargs="+", choices=STREAMS, default=list(STREAMS))
    parser.add_argument("--backend", action="store_true", help="also what it makes of them")
    options = parser.parse_args(arguments)
    is_rendered = (options.source / RENDERED).exists()
    if options.backend and not is_rendered:
        parser.error("--backend needs what simulate_predictions.py --exact wrote")
    if is_rendered:
        truth = rendered(options.source)
    else:
        truth = read(options.source, options.stride, options.max_frames)
    print(f"{len(truth.depths)} frames, seeds 0..{options.seeds - 1}: ATE in metres")
    for name in options.streams:
        found = []
        for seed in range(options.seeds):
            network = SimulatedNetwork(truth, Errors(), seed)
            answers = streamed(STREAMS[name](network), len(truth.depths))
            told = Found(error(answers, truth))
            found.append(mapped(answers, truth, told) if options.backend else told)
            print(f"  seed {seed}: {found[-1].line()}", flush=True)
        print(f"{name}, {network.calls} calls of the network")
        for kind, of in (("median", np.median), ("worst", np.max)):
            print(f"  {kind}: {Found(*of([astuple(one) for one in found], axis=0)).line()}")


def mapped(answers: Sequence[Streamed], truth: Truth, told: Found) -> Found:
    """What the backend makes of a stream's answers."""
    backend = Backend(replace(BackendConfig(), align="off"))
    for said in answers:
        backend.add(prediction(said, truth))
    backend.finish()
    indices, graph = backend.trajectory()
    after_graph = centres_error(graph.positions, truth, indices)
    backend.config = replace(backend.config, align="final")
    backend.finalise()
    aligned = backend.trajectory()[1].positions
    backend.close()
    left_out = 1 - len(indices) / len(answers)
    return Found(told.told, after_graph, centres_error(aligned, truth, indices), left_out)


def prediction(said: Streamed, truth: Truth) -> Prediction:
    """As the frontend da3 makes it; where the truth has no depth there is nothing to map."""
    assert said.depth is not None and said.confidence is not None
    assert said.T_world_camera is not None
    return Prediction(
        frame_index=said.number,
        timestamp=float(truth.timestamps[said.number]),
        pointmap=backproject(said.depth, truth.camera),
        confidence=np.where(said.confidence > NOTHING, said.confidence, 0).astype(np.float32),
        T_world_camera=said.T_world_camera,
        intrinsics=truth.camera,
        image=truth.images[said.number],
        is_metric=False,
    )


def read(path: Path, stride: int, most: int) -> Truth:
    """A sequence's poses, and its depth and images at the maps' size."""
    with closing(open_sequence(path, stride=stride, max_frames=most)) as sequence:
        if sequence.ground_truth is None or sequence.intrinsics is None:
            raise InputError(
                f"{path}: without true poses and a camera there is nothing to simulate"
            )
        depths, images, timestamps = [], [], []
        for frame in sequence:
            assert frame.depth is not None
            depths.append(cv2.resize(frame.depth, SIZE, interpolation=cv2.INTER_NEAREST))
            images.append(cv2.resize(frame.image, SIZE, interpolation=cv2.INTER_AREA))
            timestamps.append(frame.timestamp)
        # Of all frames of the sequence, whatever the stride.
        every = sequence.ground_truth
        poses = every.T_world_camera[nearest_times(every.timestamps, np.array(timestamps))]
        camera = sequence.intrinsics.resized(*SIZE)
        return Truth(poses, np.stack(depths), camera, np.stack(images), np.array(timestamps))


def rendered(folder: Path) -> Truth:
    """Of exact simulated predictions."""
    exact = [load_prediction(path) for path in sorted(folder.glob("*-000.npz"))]
    return Truth(
        np.stack([one.T_world_camera for one in exact]),
        np.stack([one.depth for one in exact]),
        exact[0].intrinsics,
        np.stack([one.image for one in exact]),
        np.array([one.timestamp for one in exact]),
    )


def streamed(stream: Stream, frames: int) -> list[Streamed]:
    answers = []
    for number in range(frames):
        answers += stream.step(np.array([number]))
    return answers + stream.flush()


def error(answers: Sequence[Streamed], truth: Truth) -> float:
    """RMSE of the camera centres after a similarity."""
    told = np.stack([said.T_world_camera for said in answers if said.T_world_camera is not None])
    return centres_error(told[:, :3, 3], truth, np.array([said.number for said in answers]))


def centres_error(told: np.ndarray, truth: Truth, numbers: np.ndarray) -> float:
    """RMSE of centres (n, 3), those of the frames of these numbers, after a similarity."""
    true = truth.T_world_camera[numbers, :3, 3]
    S = similarity(*umeyama(told, true, True))
    off = transform(S, told) - true
    return float(np.sqrt((off**2).sum(1).mean()))


if __name__ == "__main__":
    main()
