"""The first points and poses: views far enough apart, and one motion that alone explains them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from mapper.frontends.mono.geometry import rolling
from mapper.frontends.mono.geometry.bundle import (
    FocalPrior,
    Observations,
    Scene,
    adjust,
    pose_covariance,
)
from mapper.frontends.mono.geometry.lens import Lens
from mapper.frontends.mono.geometry.pose_from_points import place_camera
from mapper.frontends.mono.geometry.triangulation import triangulate
from mapper.frontends.mono.geometry.two_views import APART, likely_motions, rotation_between

if TYPE_CHECKING:
    from jaxtyping import Float, Float64, Int64

MIN_SHARE: Final = 0.6  # of the tracks, that agree with one motion
MIN_GOOD: Final = 40
GOOD_PIXELS: Final = 2.0  # in every view
NEAR_PIXELS: Final = 4.0  # what is adjusted
# An angle between the two rays of a point, radians, below which half of a start's points say
# nothing of their depth.
MIN_ANGLE: Final = 0.008
ITERATIONS: Final = 12
ROUNDS: Final = 2  # of looking at what agrees, and adjusting it
# Of the direction of the motion, radians, if errors were independent; a rolling shutter's are not.
MAX_SIGMA: Final = float(np.radians(1.5))
# Times the cost of the best motion: what costs less is as good. In rooms whose way is known most of
# the motions that won but were wrong had another within 1.17 times their cost.
AS_GOOD: Final = 1.2


@dataclass(frozen=True, slots=True, eq=False)
class Start:
    """lens: as these images tell it. poses: T_camera_world (V, 3, 4), the first at the origin; the
    median depth there is 1.

    points: (P, 3). tracks: (P,), which of the tracks they are of. rms: pixels.
    sigma: of the direction of the motion, radians.
    """

    lens: Lens
    poses: Float64[np.ndarray, "v 3 4"]
    points: Float64[np.ndarray, "p 3"]
    tracks: np.ndarray
    rms: float
    sigma: float


@dataclass(frozen=True, slots=True)
class NoStart:
    """Why images do not begin a map, in words with numbers."""

    reason: str


def parallax(lens: Lens, a: Float64[np.ndarray, "n 2"], b: Float64[np.ndarray, "n 2"]) -> float:
    """Median pixels by which tracks (N, 2) move more than a turning camera explains."""
    if len(a) < 3:
        return 0.0
    rays_a, rays_b = unit_rays(lens, a), unit_rays(lens, b)
    off = rays_b - rays_a @ rotation_between(rays_a, rays_b).T
    return float(np.median(np.linalg.norm(off, axis=1)) * lens.fx)


def unit_rays(lens: Lens, pixels: Float[np.ndarray, "n 2"]) -> Float64[np.ndarray, "n 3"]:
    """Directions (N, 3) in which pixels (N, 2) are seen."""
    rays = lens.rays(pixels)
    full = np.hstack([rays, np.ones((len(rays), 1))])
    return full / np.linalg.norm(full, axis=1, keepdims=True)


def find_start(
    lens: Lens,
    pixels: Float64[np.ndarray, "v n 2"],
    refine: FocalPrior | None = None,
    spins: Float64[np.ndarray, "v 3"] | None = None,
) -> Start | NoStart:
    """The start that explains tracks, pixels (V, N, 2), best, the first and last view being the
    furthest apart. refine: the lens is unknown too: where its focal length is a third off, so is
    the direction of most motions, and the right motion tells it to a few per cent. spins: rad/s,
    (V, 3), how the camera turned in each view, as far as that is known."""
    tracks = _Tracks(pixels, None if spins is None else _drifts(lens, pixels, spins))
    straight = tracks.straight(lens)
    first, last = (unit_rays(lens, view) for view in (straight[0], straight[-1]))
    tried = [_adjusted(lens, tracks, T, refine) for T in likely_motions(first, last, 1 / lens.fx)]
    found = sorted((t for t in tried if t is not None), key=lambda t: t.cost)
    if not found:
        return NoStart("no motion fits 40 of the points")
    if any(_is_as_good(other, found[0]) for other in found[1:]):
        return NoStart("two motions of the camera fit what it sees: move sideways, and longer")
    return _start(found[0], tracks, refine)


@dataclass(frozen=True, slots=True, eq=False)
class _Tracks:
    """Every point in every view: pixels (V, N, 2) and their drifts, px/s, see rolling.py."""

    pixels: Float64[np.ndarray, "v n 2"]
    drifts: Float64[np.ndarray, "v n 2"] | None

    def views(self, which: list[int]) -> _Tracks:
        """Those views."""
        drifts = None if self.drifts is None else self.drifts[which]
        return _Tracks(self.pixels[which], drifts)

    def points(self, which: np.ndarray) -> _Tracks:
        """Those points."""
        drifts = None if self.drifts is None else self.drifts[:, which]
        return _Tracks(self.pixels[:, which], drifts)

    def straight(self, lens: Lens) -> Float64[np.ndarray, "v n 2"]:
        """Pixels (V, N, 2), had all rows been read out at once."""
        return self.pixels if self.drifts is None else self.pixels - lens.readout * self.drifts

    @property
    def seen(self) -> Observations:
        """Sorted by points."""
        views, count = self.pixels.shape[:2]
        return Observations(
            np.arange(count + 1) * views,
            np.tile(np.arange(views), count),
            _by_point(self.pixels),
            np.ones(views * count),
            None if self.drifts is None else _by_point(self.drifts),
        )


def _by_point(values: Float64[np.ndarray, "v n 2"]) -> Float64[np.ndarray, "m 2"]:
    return np.ascontiguousarray(values.transpose(1, 0, 2).reshape(-1, 2))


def _drifts(
    lens: Lens, pixels: Float64[np.ndarray, "v n 2"], spins: Float64[np.ndarray, "v 3"]
) -> Float64[np.ndarray, "v n 2"]:
    """By the turning alone: how far the points are is not known yet."""
    views, count = pixels.shape[:2]
    flat = np.ascontiguousarray(pixels.reshape(-1, 2))
    nowhere, known = np.zeros((len(flat), 3)), np.zeros(len(flat), bool)
    found = rolling.drifts(
        lens, np.repeat(np.eye(3, 4)[None], views, 0), np.hstack([spins, np.zeros((views, 3))]),
        np.repeat(np.arange(views), count), nowhere, known, flat,
    )  # fmt: skip
    return found.reshape(pixels.shape)


@dataclass(frozen=True, slots=True, eq=False)
class _Motion:
    """poses: T_camera_world (V, 3, 4). cost: pixels^2 by which tracks are off in a view, the mean
    of all, none counted for more than GOOD_PIXELS^2."""

    lens: Lens
    poses: Float64[np.ndarray, "v 3 4"]
    cost: float

    @property
    def direction(self) -> Float64[np.ndarray, " 3"]:
        """From the first view to the last, of length 1."""
        centre = -self.poses[-1, :, :3].T @ self.poses[-1, :, 3]
        return np.asarray(centre / np.linalg.norm(centre))


def _is_as_good(other: _Motion, best: _Motion) -> bool:
    """Whether another motion explains the tracks about as well: then nobody knows which is true.

    All tracks are asked, of both: each motion would look good by those that chose it.
    """
    apart = other.direction @ best.direction < np.cos(APART)
    return bool(apart and other.cost < AS_GOOD * best.cost)


def _adjusted(
    lens: Lens,
    tracks: _Tracks,
    T_last_first: Float64[np.ndarray, "3 4"],
    refine: FocalPrior | None,
) -> _Motion | None:
    """Points by the two outer views, the views between them placed by these, all adjusted."""
    ends = np.stack([np.eye(3, 4), T_last_first])
    points, near = _points(lens, ends, tracks.views([0, -1]), NEAR_PIXELS)
    if len(near) < MIN_GOOD:
        return None
    scale = 1 / float(np.median(points[:, 2]))
    ends[1, :, 3] *= scale
    between = _between(lens, tracks.straight(lens)[1:-1, near], points * scale, ends)
    poses = np.stack([ends[0], *between, ends[1]])
    for _ in range(ROUNDS):
        points, near = _points(lens, poses, tracks, NEAR_PIXELS)
        if len(near) < MIN_GOOD:
            return None
        scene = Scene(lens, poses, points, np.arange(len(poses)) > 0)
        scene = adjust(scene, tracks.points(near).seen, ITERATIONS, refine)
        lens, poses = scene.lens, scene.poses
    return _Motion(lens, poses, _cost(lens, poses, tracks))


def _points(
    lens: Lens, poses: Float64[np.ndarray, "v 3 4"], tracks: _Tracks, most: float
) -> tuple[Float64[np.ndarray, "p 3"], Int64[np.ndarray, " p"]]:  # fmt: skip
    """Of the tracks that are off by less than `most` pixels in all views; and which they are."""
    made = triangulate(lens, poses, tracks.seen)
    kept = np.flatnonzero((made.worst < most) & (made.points[:, 2] > 0))
    return made.points[kept], kept


def _cost(lens: Lens, poses: Float64[np.ndarray, "v 3 4"], tracks: _Tracks) -> float:
    seen = tracks.seen
    points = triangulate(lens, poses, seen).points
    errors = adjust(Scene(lens, poses, points, np.zeros(len(poses), bool)), seen, 0).errors
    assert errors is not None
    return float(np.mean(np.minimum(errors, GOOD_PIXELS) ** 2))


def _start(motion: _Motion, tracks: _Tracks, refine: FocalPrior | None) -> Start | NoStart:
    """What agrees with a motion, if that is enough and tells the direction well."""
    points, kept = _points(motion.lens, motion.poses, tracks, GOOD_PIXELS)
    share = len(kept) / tracks.pixels.shape[1]
    if len(kept) < MIN_GOOD or share < MIN_SHARE:
        return NoStart(
            f"the motion that fits best explains {share:.0%} of the points (wanted {MIN_SHARE:.0%}"
            f" and {MIN_GOOD}): does most of what the camera sees move?"
        )
    seen = tracks.points(kept).seen
    scene = Scene(motion.lens, motion.poses, points, np.arange(len(motion.poses)) > 0)
    scene = adjust(scene, seen, ITERATIONS, refine)
    assert scene.errors is not None
    rms = float(np.sqrt(np.mean(scene.errors**2)))
    angle = float(np.median(triangulate(scene.lens, scene.poses, seen).angles))
    sigma = _sigma_direction(scene, seen, rms, refine)
    if angle < MIN_ANGLE or sigma > MAX_SIGMA:
        return NoStart(
            f"rays part by {np.degrees(angle):.1f} degrees, and the direction of the motion is "
            f"known to {np.degrees(sigma):.0f}: move sideways, and longer"
        )
    scale = 1 / float(np.median(scene.points[:, 2]))
    moved = scene.poses.copy()
    moved[:, :, 3] *= scale
    return Start(scene.lens, moved, scene.points * scale, kept, rms, sigma)


def _sigma_direction(
    scene: Scene, seen: Observations, rms: float, refine: FocalPrior | None
) -> float:
    """How well the direction of the motion from the first view to the last is known, radians."""
    covariance = pose_covariance(scene, seen, refine)[-3:, -3:] * rms**2
    R, t = scene.poses[-1, :, :3], scene.poses[-1, :, 3]
    centre = -R.T @ t
    length = float(np.linalg.norm(centre))
    along = centre / length
    across = np.eye(3) - np.outer(along, along)
    return float(np.sqrt(np.trace(across @ R.T @ covariance @ R @ across))) / length


def _between(
    lens: Lens,
    tracks: Float64[np.ndarray, "v n 2"],
    points: Float64[np.ndarray, "n 3"],
    ends: Float64[np.ndarray, "2 3 4"],
) -> Iterator[Float64[np.ndarray, "3 4"]]:
    """The views between the outer ones, each found from the one before it."""
    T, weights = ends[0], np.ones(len(points))
    for view in tracks:
        T = place_camera(lens, T, points, np.ascontiguousarray(view), weights, 2.0).T
        yield T
