"""The keyframe loop against chunks, with a simulated network of many views in their place.

    python tools measures.joint_loops SEQUENCE [--seeds 5] [--stride 2] [--max-frames 500]

The sequence has ground-truth poses and depth. A call of the network answers with the truth of its
views, in the first one's frame and a scale of its own, wrong as a network may be: each pose by a
little, each depth by a factor, a smooth field and noise a pixel. How wrong (Errors) is assumed,
for calls of any number of views the same. Printed is the ATE after a similarity (metres, RMSE) of
what the streams say, before any backend.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import cv2
import numpy as np
from scipy.spatial.transform import Rotation

from mapper.core.geometry import inverse, transform, umeyama
from mapper.core.intrinsics import Intrinsics
from mapper.core.sim3 import similarity
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
FIELD: Final = (4, 3)  # nodes of the smooth error
Stream = KeyframeStream | ChunkStream


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
    """T_world_camera: (N, 4, 4). depths: (N, h, w), 0 = none."""

    T_world_camera: np.ndarray
    depths: np.ndarray
    camera: Intrinsics


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
        confidence = np.where(known, 3.0, 1.001).astype(np.float32)
        return Together(
            T, [truth.camera] * len(views), told, confidence, np.zeros((wanted, 1), np.float32)
        )

    def _wrong(self, depth: np.ndarray) -> np.ndarray:
        errors, rng = self._errors, self._rng
        field = rng.normal(0, errors.smooth, FIELD[::-1]).astype(np.float32)
        smooth = cv2.resize(field, depth.shape[::-1], interpolation=cv2.INTER_CUBIC)
        off = rng.normal(0, errors.depth) + smooth + rng.normal(0, errors.pixel, depth.shape)
        return depth * np.exp(off)


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("sequence", type=Path)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--stride", type=int, default=2)
    parser.add_argument("--max-frames", type=int, default=500)
    options = parser.parse_args(arguments)
    truth = read(options.sequence, options.stride, options.max_frames)
    streams: dict[str, Callable[[JointNetwork], Stream]] = {
        "keyframes": lambda network: KeyframeStream(network, LoopRules(), Limits()),
        "chunks 120/60": lambda network: ChunkStream(network, 120, 60),
        "chunks 30/15": lambda network: ChunkStream(network, 30, 15),
    }
    print(f"{len(truth.depths)} frames, seeds 0..{options.seeds - 1}: ATE in metres, calls")
    for name, make in streams.items():
        found = []
        for seed in range(options.seeds):
            network = SimulatedNetwork(truth, Errors(), seed)
            found.append(error(streamed(make(network), len(truth.depths)), truth))
        each = " ".join(f"{ate:.4f}" for ate in found)
        print(f"{name:14} {each}  median {np.median(found):.4f}  {network.calls} calls", flush=True)


def read(path: Path, stride: int, most: int) -> Truth:
    """Poses, and depth at the maps' size."""
    with closing(open_sequence(path, stride=stride, max_frames=most)) as sequence:
        if sequence.ground_truth is None or sequence.intrinsics is None:
            raise InputError(
                f"{path}: without true poses and a camera there is nothing to simulate"
            )
        depths = []
        for frame in sequence:
            assert frame.depth is not None
            depths.append(cv2.resize(frame.depth, SIZE, interpolation=cv2.INTER_NEAREST))
        poses = sequence.ground_truth.T_world_camera[: len(depths)]
        return Truth(poses, np.stack(depths), sequence.intrinsics.resized(*SIZE))


def streamed(stream: Stream, frames: int) -> list[Streamed]:
    answers = []
    for number in range(frames):
        answers += stream.step(np.array([number]))
    return answers + stream.flush()


def error(answers: Sequence[Streamed], truth: Truth) -> float:
    """RMSE of the camera centres after a similarity."""
    told = np.stack([said.T_world_camera for said in answers if said.T_world_camera is not None])
    true = truth.T_world_camera[[said.number for said in answers], :3, 3]
    S = similarity(*umeyama(told[:, :3, 3], true, True))
    off = transform(S, told[:, :3, 3]) - true
    return float(np.sqrt((off**2).sum(1).mean()))


if __name__ == "__main__":
    main()
