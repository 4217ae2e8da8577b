"""The map of a keyframe loop: what calls of a network say of frames, brought together.

Source: the loop of AMB3R-VO (Wang and Agapito, AMB3R, 2025), by our own description of it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

import numpy as np

from mapper.core.geometry import inverse, transform
from mapper.frontends.keyframe_loop.cameras import average, mixed
from mapper.frontends.keyframe_loop.config import LoopRules
from mapper.frontends.keyframe_loop.keyframes import active_keyframes, new_keyframes
from mapper.frontends.keyframe_loop.scale import scale_between

if TYPE_CHECKING:
    from jaxtyping import Float

LEAST: Final = 1e-6  # confidence of a point of which the network is not sure at all


@dataclass(frozen=True, slots=True, eq=False)
class Call:
    """What a network says of frames that it sees together, in one frame of reference and scale.

    frames: their numbers, active keyframes first. active: how many of those. T_world_camera:
    (n, 4, 4). points: (m, h, w, 3) and confidence: (m, h, w), above 1, of the last m frames, or of
    as many as `mapped` lists by their places.
    """

    frames: Sequence[int]
    active: int
    T_world_camera: Float[np.ndarray, "n 4 4"]
    points: Float[np.ndarray, "m h w 3"]
    confidence: Float[np.ndarray, "m h w"]
    mapped: Sequence[int]


@dataclass(frozen=True, slots=True, eq=False)
class Placed:
    """How a call's frame of reference lies in the map: S = (scale, T), and its frames' poses."""

    scale: float
    T_map_call: Float[np.ndarray, "4 4"]


@dataclass(slots=True, eq=False)
class MappedFrame:
    """points: (h, w, 3) in the map. confidence: (h, w), 0 .. 1. times: how often it was mapped."""

    T_world_camera: Float[np.ndarray, "4 4"]
    points: Float[np.ndarray, "h w 3"]
    confidence: Float[np.ndarray, "h w"]
    times: int = 1


@dataclass(slots=True, eq=False)
class KeyframeMap:
    """frames: all that are mapped, by number. keyframes: in order. active: those to show next."""

    rules: LoopRules = field(default_factory=LoopRules)
    frames: dict[int, MappedFrame] = field(default_factory=dict)
    keyframes: list[int] = field(default_factory=list)
    active: list[int] = field(default_factory=list)

    def take(self, call: Call) -> Placed:
        """Merge a call into the map, and choose the keyframes of the next one."""
        is_first = not self.frames
        placed = Placed(1.0, np.eye(4)) if is_first else self._placed(call)
        self._merge(call, placed)
        new = [int(f) for f in call.frames[call.active :]]
        means = dict(zip(new, _new_confidence(call), strict=True))
        poses = {number: frame.T_world_camera for number, frame in self.frames.items()}
        if is_first:
            self.keyframes, self.active, new = new[:1], new[:1], new[1:]
        added = new_keyframes(new, self.active, poses, means, self.rules.apart)
        added.sort()
        self.keyframes = [*self.keyframes, *added]
        self.active = (
            [*self.active, *added]
            if is_first
            else active_keyframes(self.active, added, self.keyframes, poses, self.rules)
        )
        return placed

    def _placed(self, call: Call) -> Placed:
        """By the keyframes that the call shows again."""
        frames = [self.frames[int(f)] for f in call.frames[: call.active]]
        places = [place for place in call.mapped if place < call.active]
        rows = [list(call.mapped).index(place) for place in places]
        shares = np.stack([share(call.confidence[row]) for row in rows])
        target = np.stack([frames[place].points for place in places])
        is_origin = int(call.frames[0]) == min(self.keyframes)
        target = transform(inverse(frames[0].T_world_camera), target)
        source = transform(inverse(call.T_world_camera[0].astype(np.float64)), call.points[rows])
        scale = scale_between(source, target, shares >= np.median(shares))
        if is_origin:
            return Placed(scale, np.eye(4))
        local = call.T_world_camera[: call.active].copy()
        local[:, :3, 3] *= scale
        moves = np.stack([frame.T_world_camera for frame in frames]) @ inverse(local)
        weights = np.array([float(frame.confidence.mean()) for frame in frames])
        for place, each in zip(places, shares, strict=True):
            weights[place] = float((frames[place].confidence * each).mean())
        return Placed(scale, average(moves, weights))

    def _merge(self, call: Call, placed: Placed) -> None:
        T = placed_poses(call, placed)
        points = transform(placed.T_map_call, placed.scale * call.points.astype(np.float64))
        rows = {place: row for row, place in enumerate(call.mapped)}
        for place, number in enumerate(call.frames):
            if place not in rows:
                continue
            row = rows[place]
            seen = MappedFrame(T[place], points[row], share(call.confidence[row]))
            known = self.frames.get(int(number))
            self.frames[int(number)] = seen if known is None else merged(known, seen)


def placed_poses(call: Call, placed: Placed) -> Float[np.ndarray, "n 4 4"]:
    """T_world_camera of all frames of a call in the map."""
    local = call.T_world_camera.astype(np.float64)
    local[:, :3, 3] *= placed.scale
    return placed.T_map_call @ local


def merged(known: MappedFrame, seen: MappedFrame) -> MappedFrame:
    """The mean of what was known of a frame and of what is said of it anew."""
    before = known.confidence * known.times
    both = before + seen.confidence
    points = (before[..., None] * known.points + seen.confidence[..., None] * seen.points) / both[
        ..., None
    ]
    return MappedFrame(
        merged_poses(
            known.T_world_camera[None],
            known.confidence[None],
            seen.T_world_camera[None],
            seen.confidence[None],
        )[0],
        points,
        both / (known.times + 1),
        known.times + 1,
    )


def merged_poses(
    a: Float[np.ndarray, "n 4 4"],
    confidence_a: Float[np.ndarray, "n h w"],
    b: Float[np.ndarray, "n 4 4"],
    confidence_b: Float[np.ndarray, "n h w"],
) -> Float[np.ndarray, "n 4 4"]:
    """Each pose counts as its view is sure of its points."""
    mean_a, mean_b = (c.mean((1, 2), dtype=np.float64) for c in (confidence_a, confidence_b))
    return mixed(a, b, mean_b / (mean_a + mean_b))


def share(confidence: Float[np.ndarray, "*n"]) -> Float[np.ndarray, "*n"]:
    """Confidence above 1 as 0 .. 1, and never nothing."""
    share = (confidence.astype(np.float64) - 1) / confidence
    return np.where(share == 0, LEAST, share)


def _new_confidence(call: Call) -> list[float]:
    rows = {place: row for row, place in enumerate(call.mapped)}
    new = range(call.active, len(call.frames))
    return [float(call.confidence[rows[place]].mean(dtype=np.float64)) for place in new]
