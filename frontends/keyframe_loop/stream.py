"""Frames in one at a time, answers out call by call; what is remembered is bounded."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Protocol

import numpy as np

from mapper.core.intrinsics import Intrinsics
from mapper.frontends.keyframe_loop.cameras import distances
from mapper.frontends.keyframe_loop.config import LoopRules
from mapper.frontends.keyframe_loop.loop import Call, KeyframeMap, placed_poses

if TYPE_CHECKING:
    from jaxtyping import Float, Float32, UInt8

NOMINAL_DEPTH: Final = 2.0  # median depth of the first call, in whose units the rules are
STEP: Final = 4  # every 4th pixel a side is remembered of a keyframe


@dataclass(frozen=True, slots=True, eq=False)
class Together:
    """What a network says of n views that it sees together, in one frame and one scale.

    T_world_camera: (n, 4, 4). cameras: n of them. depth, confidence (above 1): (w, H, W) and
    descriptors: (w, d) of the last w views.
    """

    T_world_camera: Float[np.ndarray, "n 4 4"]
    cameras: Sequence[Intrinsics]
    depth: Float32[np.ndarray, "w h w2"]
    confidence: Float32[np.ndarray, "w h w2"]
    descriptors: Float32[np.ndarray, "w d"]


class JointNetwork(Protocol):
    """A network of many views, as a stream needs it."""

    def own(self, image: UInt8[np.ndarray, "h w 3"]) -> Any:
        """What an image shows by itself, kept as long as the view may be shown again."""

    def together(
        self, views: Sequence[Any], cameras: Sequence[Intrinsics | None], wanted: int
    ) -> Together | None:
        """The answer for views, made by `own`, of which the last `wanted` need maps; None where it
        is not finite. cameras: known ones, which count instead of those that are found."""


@dataclass(frozen=True, slots=True, eq=False)
class Streamed:
    """A frame's answer in the map's frame and units. number: in the stream, from 0. depth: None
    where the network's answer was not finite."""

    number: int
    T_world_camera: Float[np.ndarray, "4 4"] | None = None
    camera: Intrinsics | None = None
    depth: Float32[np.ndarray, "h w"] | None = None
    confidence: Float32[np.ndarray, "h w"] | None = None
    descriptor: Float32[np.ndarray, " d"] | None = None


@dataclass(frozen=True, slots=True)
class Limits:
    """keyframes: remembered ones. anchors: active ones of which a call computes depth again, to
    find its scale; 0 = all, as published."""

    keyframes: int = 200
    anchors: int = 2


@dataclass(slots=True, eq=False)
class _View:
    """kept: what the image shows by itself; None = to be computed again."""

    image: UInt8[np.ndarray, "h w 3"]
    camera: Intrinsics | None
    kept: Any


class KeyframeStream:
    """The loop: new frames are shown together with the active keyframes of a growing map.

    keyframes: the map. frames: how many came in.
    """

    def __init__(self, network: JointNetwork, rules: LoopRules, limits: Limits) -> None:
        self.map = KeyframeMap(rules)
        self.frames = 0
        self._network = network
        self._limits = limits
        self._views: dict[int, _View] = {}
        self._waiting: list[int] = []

    def step(
        self, image: UInt8[np.ndarray, "h w 3"], camera: Intrinsics | None = None
    ) -> list[Streamed]:
        """The answers of the frames whose call this one completes: none, or all that wait."""
        self._views[self.frames] = _View(image, camera, self._network.own(image))
        self._waiting.append(self.frames)
        self.frames += 1
        rules = self.map.rules
        due = rules.every if self.map.frames else rules.first
        return self._call() if len(self._waiting) >= due else []

    @property
    def nbytes(self) -> int:
        """What the images and the map of the keyframes take, without what the network keeps."""
        mapped = sum(f.points.nbytes + f.confidence.nbytes for f in self.map.frames.values())
        return mapped + sum(view.image.nbytes for view in self._views.values())

    def flush(self) -> list[Streamed]:
        """The answers of the frames that still wait."""
        return self._call() if self._waiting else []

    def _call(self) -> list[Streamed]:
        new, self._waiting = self._waiting, []
        active = list(self.map.active)
        shown = [*active, *new]
        anchors = len(active) if not self._limits.anchors else self._limits.anchors
        wanted = len(new) + min(anchors, len(active))
        for number in active:
            view = self._views[number]
            view.kept = self._network.own(view.image) if view.kept is None else view.kept
        views = [self._views[number] for number in shown]
        said = self._network.together([v.kept for v in views], [v.camera for v in views], wanted)
        if said is None:
            for number in new:
                del self._views[number]
            return [Streamed(number) for number in new]
        scale, poses = self._taken(said, shown, len(active), wanted)
        self._forget()
        first = len(shown) - wanted
        return [
            Streamed(
                number,
                poses[place],
                said.cameras[place],
                scale * said.depth[place - first],
                said.confidence[place - first],
                said.descriptors[place - first],
            )
            for place, number in enumerate(shown)
            if place >= len(active)
        ]

    def _taken(
        self, said: Together, shown: list[int], active: int, wanted: int
    ) -> tuple[np.float32, np.ndarray]:
        """The answer merged into the map: by how much its depths grow, and its poses there."""
        unit = 1.0
        if not self.map.frames:
            unit = NOMINAL_DEPTH / max(float(np.median(said.depth)), 1e-9)
        T = said.T_world_camera.astype(np.float64)
        T[:, :3, 3] *= unit
        mapped = range(len(shown) - wanted, len(shown))
        points = np.stack(
            [
                _points(unit * said.depth[row], said.cameras[place], T[place])
                for row, place in enumerate(mapped)
            ]
        )
        call = Call(shown, active, T, points, said.confidence[:, ::STEP, ::STEP], mapped)
        placed = self.map.take(call)
        return np.float32(unit * placed.scale), placed_poses(call, placed)

    def _forget(self) -> None:
        """Drop what is never shown again, and of keyframes at rest what can be computed anew."""
        keyframes = self.map.keyframes
        while len(keyframes) > max(self._limits.keyframes, self.map.rules.most + 2):
            keyframes.remove(self._redundant())
        kept, active = set(keyframes), set(self.map.active)
        self.map.frames = {n: frame for n, frame in self.map.frames.items() if n in kept}
        self._views = {n: view for n, view in self._views.items() if n in kept}
        for number, view in self._views.items():
            if number not in active:
                view.kept = None

    def _redundant(self) -> int:
        """The keyframe at rest that is nearest to another one; the first one stays."""
        keyframes = self.map.keyframes
        T = np.stack([self.map.frames[n].T_world_camera for n in keyframes])
        apart = distances(T, T)
        np.fill_diagonal(apart, np.inf)
        stays = {keyframes[0], *self.map.active}
        nearest = [
            np.inf if n in stays else row.min() for n, row in zip(keyframes, apart, strict=True)
        ]
        return keyframes[int(np.argmin(nearest))]


def _points(depth: np.ndarray, camera: Intrinsics, T: np.ndarray) -> Float[np.ndarray, "h w 3"]:
    """Points of every STEP-th pixel in the call's frame."""
    z = depth[::STEP, ::STEP].astype(np.float64)
    v, u = np.mgrid[0 : depth.shape[0] : STEP, 0 : depth.shape[1] : STEP]
    rays = np.stack([(u - camera.cx) / camera.fx, (v - camera.cy) / camera.fy, np.ones(z.shape)], 2)
    return (rays * z[..., None]) @ T[:3, :3].T + T[:3, 3]
