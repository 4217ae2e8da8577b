"""The first points and poses: two views far enough apart, and two between them that agree."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import cv2
import numpy as np

from mapper.frontends.mono.geometry.bundle import Observations, Scene, adjust, pose_covariance
from mapper.frontends.mono.geometry.lens import Lens
from mapper.frontends.mono.geometry.pose_from_points import place_camera
from mapper.frontends.mono.geometry.triangulation import triangulate

if TYPE_CHECKING:
    from jaxtyping import Bool, Float64

MIN_POINTS: Final = 45  # of the two views, that agree with one motion
MIN_SHARE: Final = 0.6
ESSENTIAL_PIXELS: Final = 1.0
HOMOGRAPHY_PIXELS: Final = 2.0
PLANE_SHARE: Final = 0.7  # of the agreeing points: then the two views may show one plane
MIN_GOOD: Final = 40  # points that end up well
GOOD_PIXELS: Final = 2.0
# An angle between the two rays of a point, radians, below which half of a start's points say
# nothing of their depth.
MIN_ANGLE: Final = 0.008
ITERATIONS: Final = 12
# Of the direction of the motion, radians, if errors were independent; a rolling shutter's are not.
MAX_SIGMA: Final = float(np.radians(1.5))
AS_GOOD: Final = 1.05  # times the error, and one part in so many of the points
APART: Final = float(np.radians(15))  # between two motions that are not the same


@dataclass(frozen=True, slots=True, eq=False)
class Start:
    """poses: T_camera_world (V, 3, 4), the first at the origin; the median depth there is 1.

    points: (P, 3). tracks: (P,), which of the tracks they are of. rms: pixels.
    sigma: of the direction of the motion, radians.
    """

    poses: Float64[np.ndarray, "v 3 4"]
    points: Float64[np.ndarray, "p 3"]
    tracks: np.ndarray
    rms: float
    sigma: float


def rotation_between(
    a: Float64[np.ndarray, "n 3"], b: Float64[np.ndarray, "n 3"]
) -> Float64[np.ndarray, "3 3"]:
    """R with b ~ R a of unit rays (N, 3), those that disagree counting less and less."""
    weights = np.ones(len(a))
    R = np.eye(3)
    for _ in range(5):
        U, _, Vt = np.linalg.svd((weights[:, None] * b).T @ a)
        R = U @ np.diag([1, 1, np.sign(np.linalg.det(U @ Vt))]) @ Vt
        off = np.linalg.norm(b - a @ R.T, axis=1)
        weights = 1 / np.maximum(off, 1e-3 + 0.1 * np.median(off))
    return R


def parallax(lens: Lens, a: Float64[np.ndarray, "n 2"], b: Float64[np.ndarray, "n 2"]) -> float:
    """Median pixels by which tracks (N, 2) move more than a turning camera explains."""
    if len(a) < 3:
        return 0.0
    rays_a, rays_b = _unit(lens.rays(a)), _unit(lens.rays(b))
    off = rays_b - rays_a @ rotation_between(rays_a, rays_b).T
    return float(np.median(np.linalg.norm(off, axis=1)) * lens.fx)


def _unit(rays: Float64[np.ndarray, "n 2"]) -> Float64[np.ndarray, "n 3"]:
    full = np.hstack([rays, np.ones((len(rays), 1))])
    return full / np.linalg.norm(full, axis=1, keepdims=True)


def find_start(lens: Lens, tracks: Float64[np.ndarray, "v n 2"]) -> Start | None:
    """The start that explains tracks (V, N, 2) best, the first and last view being the furthest
    apart; None where none does well enough."""
    rays = np.stack([lens.rays(view) for view in tracks])
    found = [_completed(lens, tracks, T, good) for T, good in _motions(lens, rays[0], rays[-1])]
    starts = [start for start in found if start is not None and start.sigma < MAX_SIGMA]
    if not starts:
        return None
    best = min(starts, key=lambda start: start.rms / len(start.tracks))
    others = (start for start in starts if start is not best)
    return None if any(_is_as_good(start, best) for start in others) else best


def _is_as_good(other: Start, best: Start) -> bool:
    """Whether another motion explains the tracks about as well: then nobody knows which is true."""
    directions = [-s.poses[-1, :, :3].T @ s.poses[-1, :, 3] for s in (other, best)]
    cosine = directions[0] @ directions[1] / np.prod(np.linalg.norm(directions, axis=1))
    about = other.rms < AS_GOOD * best.rms and AS_GOOD * len(other.tracks) > len(best.tracks)
    return bool(about and cosine < np.cos(APART))


def _motions(
    lens: Lens, a: Float64[np.ndarray, "n 2"], b: Float64[np.ndarray, "n 2"]
) -> Iterator[tuple[Float64[np.ndarray, "3 4"], Bool[np.ndarray, " n"]]]:
    """T_b_a (3, 4) that two views allow, and which tracks agree.

    Source: Nister, "An efficient solution to the five-point relative pose problem", PAMI 2004;
    a plane has two solutions: Malis and Vargas, "Deeper understanding of the homography
    decomposition", 2007.
    """
    cv2.setRNGSeed(1)
    try:
        E, mask = cv2.findEssentialMat(
            a, b, np.eye(3), cv2.USAC_MAGSAC, 0.9999, ESSENTIAL_PIXELS / lens.fx
        )
    except cv2.error:  # of what is degenerate through and through
        return
    if E is None or E.shape != (3, 3):
        return
    agree = mask.ravel() > 0
    if agree.sum() < MIN_POINTS or agree.mean() < MIN_SHARE:
        return
    _, R, t, _ = cv2.recoverPose(E, a[agree], b[agree], np.eye(3))
    yield np.hstack([R, t.reshape(3, 1)]), agree
    H, on_plane = cv2.findHomography(a, b, cv2.RANSAC, HOMOGRAPHY_PIXELS / lens.fx)
    if H is None or (on_plane.ravel() > 0).sum() < PLANE_SHARE * agree.sum():
        return
    _, rotations, translations, _ = cv2.decomposeHomographyMat(H, np.eye(3))
    for R, t in zip(rotations, translations, strict=True):
        length = float(np.linalg.norm(t))
        if length > 1e-9:
            yield np.hstack([R, t.reshape(3, 1) / length]), on_plane.ravel() > 0


def _completed(
    lens: Lens,
    tracks: Float64[np.ndarray, "v n 2"],
    T_last_first: Float64[np.ndarray, "3 4"],
    agree: Bool[np.ndarray, " n"],
) -> Start | None:
    """Points by the two outer views, the views between them placed by these, all adjusted."""
    last = len(tracks) - 1
    ends = np.stack([np.eye(3, 4), T_last_first])
    kept = np.flatnonzero(agree)
    pair = _seen(tracks[[0, last]][:, kept])
    made = triangulate(lens, ends, pair)
    good = (made.worst < 2 * GOOD_PIXELS) & (made.points[:, 2] > 0)
    if good.sum() < MIN_GOOD or good.mean() < MIN_SHARE:
        return None
    if float(np.median(made.angles[good])) < MIN_ANGLE:
        return None
    kept, points = kept[good], made.points[good]
    scale = 1 / float(np.median(points[:, 2]))
    points, ends[1, :, 3] = points * scale, ends[1, :, 3] * scale
    poses = np.stack([ends[0], *_between(lens, tracks[1:last, kept], points, ends), ends[1]])
    free = np.arange(len(poses)) > 0
    seen = _seen(tracks[:, kept])
    scene = adjust(Scene(lens, poses, points, free), seen, ITERATIONS)
    assert scene.errors is not None
    worst = np.maximum.reduceat(scene.errors, seen.starts[:-1])
    fine = worst < GOOD_PIXELS
    if fine.sum() < MIN_GOOD or fine.mean() < MIN_SHARE:
        return None
    rms = float(np.sqrt(np.mean(scene.errors.reshape(len(points), -1)[fine] ** 2)))
    scale = 1 / float(np.median(scene.points[fine, 2]))
    moved = scene.poses.copy()
    moved[:, :, 3] *= scale
    sigma = _sigma_direction(scene, seen, rms)
    return Start(moved, scene.points[fine] * scale, kept[fine], rms, sigma)


def _sigma_direction(scene: Scene, seen: Observations, rms: float) -> float:
    """How well the direction of the motion from the first view to the last is known, radians."""
    covariance = pose_covariance(scene, seen)[-3:, -3:] * rms**2
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


def _seen(tracks: Float64[np.ndarray, "v n 2"]) -> Observations:
    """Every track in every view."""
    views, count = tracks.shape[:2]
    return Observations(
        np.arange(count + 1) * views,
        np.tile(np.arange(views), count),
        np.ascontiguousarray(tracks.transpose(1, 0, 2).reshape(-1, 2)),
        np.ones(views * count),
    )
