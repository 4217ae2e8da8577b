"""Faults of a network, put into predictions that have none: collapses, jumps, a lost scale."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from mapper.core.geometry import backproject, pose
from mapper.core.prediction import Prediction

FAULTS = ("collapse", "noise", "jump", "turn", "scale", "slide")
FaultName = Literal["collapse", "noise", "jump", "turn", "scale", "slide"]


@dataclass(frozen=True, slots=True)
class InjectedFault:
    """kind: "collapse" = constant depth for `frames` frames, "noise" = depth that is noise, "jump"
    = the pose is `size` units off from there on, "turn" = `size` radians off, "scale" = all is
    `size` times as large from there on, "slide" = becomes so within `frames` frames.
    first: prediction from which it acts.
    """

    kind: FaultName
    first: int
    frames: int
    size: float
    seed: int = 0


def with_fault(predictions: Iterable[Prediction], fault: InjectedFault) -> Iterator[Prediction]:
    """The predictions, with one fault."""
    rng = np.random.default_rng(fault.seed)
    direction = rng.normal(size=3)
    direction /= np.linalg.norm(direction)
    world = np.eye(4)  # of the network's world before a step, in what it says from there on
    last: np.ndarray | None = None
    place = np.zeros(3)  # of a camera whose steps are too large
    for number, prediction in enumerate(predictions):
        since = number - fault.first
        T = prediction.T_world_camera
        if since < 0 or last is None:
            yield prediction
        elif fault.kind in ("collapse", "noise"):
            yield _collapsed(prediction, fault, rng) if since < fault.frames else prediction
        elif fault.kind in ("jump", "turn"):
            if since == 0:
                world = _stepped(last, direction, fault)
            yield replace(prediction, T_world_camera=world @ T)
        else:
            scale = fault.size ** (min(since + 1, fault.frames) / fault.frames)
            if fault.kind == "scale":
                scale = fault.size
            # The steps of the camera are as much larger as its depths, from where it is.
            place = (last[:3, 3] if since == 0 else place) + scale * (T[:3, 3] - last[:3, 3])
            pointmap = prediction.pointmap * np.float32(scale)
            yield replace(prediction, pointmap=pointmap, T_world_camera=pose(T[:3, :3], place))
        last = T


def _stepped(last: np.ndarray, direction: np.ndarray, fault: InjectedFault) -> np.ndarray:
    """(4, 4) that moves all that follows a camera at `last`."""
    if fault.kind == "jump":
        return pose(np.eye(3), fault.size * direction)
    K = np.cross(np.eye(3), direction)
    R = np.eye(3) + np.sin(fault.size) * K + (1 - np.cos(fault.size)) * K @ K
    return pose(R, last[:3, 3] - R @ last[:3, 3])


def _collapsed(
    prediction: Prediction, fault: InjectedFault, rng: np.random.Generator
) -> Prediction:
    seen = prediction.depth > 0
    middle = float(np.median(prediction.depth[seen])) if seen.any() else 1.0
    depth = np.full(prediction.depth.shape, middle)
    if fault.kind == "noise":
        depth *= np.exp(rng.normal(0, 0.6, depth.shape))
    confidence = (1 + 0.2 * (prediction.confidence - 1)).clip(0)
    return replace(
        prediction,
        pointmap=backproject(depth.astype(np.float32), prediction.intrinsics),
        confidence=np.where(seen, confidence, 0).astype(np.float32),
    )
