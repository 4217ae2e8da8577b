"""Colour intrinsics and T_color_depth of a 7-Scenes sequence from its images, depth and poses.

Two kinds of evidence, one robust fit. Features are matched between colour images some frames
apart: a feature's point is where its ray meets the local plane of the depth image, ground truth
carries it to the other frame, where its projection must meet the match; planes are looked up anew
every round. And the near side of every jump in depth must lie on an edge of its own colour image.
Features fix the focal length; alone they let T_color_depth absorb the drift of the ground truth.
The principal point stays at the image centre: it cannot be told from a rotation.

    python tools/calibrate_sevenscenes.py 7scenes/redkitchen/seq-01
"""

from __future__ import annotations

import argparse
import itertools
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from scipy.ndimage import map_coordinates
from scipy.optimize import least_squares

from mapper.core.geometry import backproject, exp_se3, inverse, transform
from mapper.io.sequences.decode import read_depth, read_image
from mapper.io.sequences.sevenscenes import DEPTH_CAMERA, DEPTH_SCALE

CENTRE = np.array([320.0, 240.0])  # pixels, of the colour image
PLANE_REACH = 4  # pixels to either side from which a local plane is taken
PLANE_STEP = 0.03  # largest change of depth within that reach, relative; above = an edge
GATE = 12.0  # pixels; matches further off at the first guess of a round are false
EDGE_CAP = 15.0  # pixels; distance to the next edge is cut here
EDGES_PER_SIDE = 300  # a view
STEP = np.array([100, 0.1, 0.1, 0.1, 0.1, 0.1, 0.1])  # typical size of f and of the twist


@dataclass(frozen=True, slots=True)
class CalibrationView:
    """What a frame gives, and the two kinds of edge evidence.

    keypoints: (N, 2) pixels. descriptors: (N, 128). points: (H, W, 3) of the depth camera.
    edge_distances: (2, h, w) pixels to the next steep, flat colour edge. jumps: (M, 3), points on
    the near side of jumps in depth; jump_kind: (M,), 0 along a row, 1 along a column.
    """

    keypoints: np.ndarray
    descriptors: np.ndarray
    points: np.ndarray
    T_world_depth: np.ndarray
    edge_distances: np.ndarray
    jumps: np.ndarray
    jump_kind: np.ndarray


@dataclass(frozen=True, slots=True)
class Matches:
    """source, target: (N, 2) pixels. T_target_source: (N, 4, 4), depth camera to depth camera.

    view: (N,), index of the source view.
    """

    source: np.ndarray
    target: np.ndarray
    view: np.ndarray
    T_target_source: np.ndarray


def main() -> None:
    options = parse_options()
    frames = len(list(options.sequence.glob("frame-*.pose.txt")))
    views = [load_view(options.sequence, index) for index in range(0, frames, options.step)]
    matches = match_views(views, options.spans)
    report("585, no offset", np.array([585.0, 0, 0, 0, 0, 0, 0]), matches, views)
    parameters = np.array([525.0, 0, 0, 0, 0, 0, 0])
    report("525, no offset", parameters, matches, views)
    for round_ in range(options.rounds):
        parameters = refine(parameters, matches, views)
        report(f"round {round_ + 1}", parameters, matches, views)
    print(f"fx = fy = {parameters[0]:.2f}\nT_color_depth =")
    print(
        np.array2string(exp_se3(parameters[1:]), precision=7, separator=", ", suppress_small=True)
    )


def parse_options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("sequence", type=Path, help="seq-XX folder with poses")
    parser.add_argument("--step", type=int, default=10, help="frames between views")
    parser.add_argument("--spans", type=int, nargs="+", default=[1, 2, 4], help="views to match")
    parser.add_argument("--rounds", type=int, default=6)
    return parser.parse_args()


def load_view(folder: Path, index: int) -> CalibrationView:
    stem = folder / f"frame-{index:06d}"
    grey = cv2.cvtColor(read_image(next(folder.glob(f"{stem.name}.color.*"))), cv2.COLOR_RGB2GRAY)
    keypoints, descriptors = cv2.SIFT.create(nfeatures=1500).detectAndCompute(grey, None)
    depth = read_depth(Path(f"{stem}.depth.png"), DEPTH_SCALE)
    points = backproject(depth, DEPTH_CAMERA)
    pixels = np.array([k.pt for k in keypoints])
    sides = [depth_jumps(depth, points, axis, sign) for axis in (0, 1) for sign in (1, -1)]
    kind = np.repeat([0, 0, 1, 1], [len(side) for side in sides])
    pose = np.loadtxt(f"{stem}.pose.txt")
    jumps = np.concatenate(sides)
    return CalibrationView(pixels, descriptors, points, pose, edge_distances(grey), jumps, kind)


def edge_distances(grey: np.ndarray) -> np.ndarray:
    """float32 (2, h, w): pixels to the next steep edge and to the next flat one, capped."""
    smooth = cv2.GaussianBlur(grey, (0, 0), 1.0)
    edges = cv2.Canny(smooth, 40, 100) > 0
    across = np.abs(cv2.Sobel(smooth, cv2.CV_32F, 1, 0))
    down = np.abs(cv2.Sobel(smooth, cv2.CV_32F, 0, 1))
    kinds = [edges & (across > down), edges & (across <= down)]
    maps = [cv2.distanceTransform((~k).astype(np.uint8), cv2.DIST_L2, 5) for k in kinds]
    return np.minimum(maps, EDGE_CAP)


def depth_jumps(depth: np.ndarray, points: np.ndarray, axis: int, sign: int) -> np.ndarray:
    """(M, 3): outermost points of near surfaces, half a pixel out, along a row (0) or column."""
    beyond, further, behind = (np.roll(depth, -sign * k, axis=1 - axis) for k in (1, 2, -2))
    edge = (depth > 0.4) & (depth < 4.0) & (np.abs(behind - depth) < 0.02 * depth)
    edge &= (further > 1.06 * depth + 0.05) & (beyond > 1.05 * depth + 0.03)
    edge[:8] = edge[-8:] = False
    edge[:, :8] = edge[:, -8:] = False
    found = points[edge].astype(float)
    if len(found) > EDGES_PER_SIDE:
        found = found[np.random.default_rng(0).choice(len(found), EDGES_PER_SIDE, replace=False)]
    found[:, axis] += 0.5 * sign * found[:, 2] / DEPTH_CAMERA.fx
    return found


def match_views(views: list[CalibrationView], spans: list[int]) -> Matches:
    matcher = cv2.BFMatcher(cv2.NORM_L2, crossCheck=True)
    parts = []
    for (i, a), span in itertools.product(enumerate(views), spans):
        if i + span >= len(views):
            continue
        b = views[i + span]
        found = matcher.match(a.descriptors, b.descriptors)
        found = [m for m in found if m.distance < 200]
        source = a.keypoints[[m.queryIdx for m in found]]
        target = b.keypoints[[m.trainIdx for m in found]]
        T = inverse(b.T_world_depth) @ a.T_world_depth
        n = len(found)
        parts.append((source, target, np.full(n, i), np.repeat(T[None], n, axis=0)))
    return Matches(*(np.concatenate(column) for column in zip(*parts, strict=True)))


def refine(parameters: np.ndarray, matches: Matches, views: list[CalibrationView]) -> np.ndarray:
    """One round: planes and inliers at the present estimate, then a robust fit of f and T."""
    origins, normals, valid = planes(parameters, matches, views)
    error = residuals(parameters, matches, origins, normals)
    keep = valid & (np.linalg.norm(error, axis=1) < GATE)
    used = Matches(*(getattr(matches, name)[keep] for name in Matches.__slots__))

    def cost(x: np.ndarray) -> np.ndarray:
        feature_errors = residuals(x, used, origins[keep], normals[keep])
        return np.concatenate([feature_errors.ravel(), edge_errors(x, views)])

    return least_squares(cost, parameters, loss="cauchy", x_scale=STEP).x


def report(
    label: str, parameters: np.ndarray, matches: Matches, views: list[CalibrationView]
) -> None:
    origins, normals, valid = planes(parameters, matches, views)
    error = np.linalg.norm(residuals(parameters, matches, origins, normals), axis=1)[valid]
    inliers = error[error < GATE]
    print(
        f"{label}: features: median {np.median(inliers):.2f} px of {len(inliers)} "
        f"({len(inliers) / len(error):.0%}); edges: median "
        f"{np.median(edge_errors(parameters, views)):.2f} px; {np.round(parameters, 4).tolist()}",
        flush=True,
    )


def edge_errors(parameters: np.ndarray, views: list[CalibrationView]) -> np.ndarray:
    """(M,) pixels from each jump in depth to the next edge of its kind in the colour image."""
    parts = []
    T_color_depth = exp_se3(parameters[1:])
    for view in views:
        points = transform(T_color_depth, view.jumps)
        places = parameters[0] * points[:, :2] / points[:, 2:] + CENTRE
        for kind in (0, 1):
            u, v = places[view.jump_kind == kind].T
            parts.append(map_coordinates(view.edge_distances[kind], [v, u], float, order=1))
    return np.concatenate(parts)


def planes(
    parameters: np.ndarray, matches: Matches, views: list[CalibrationView]
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Per match: a point (3,) and normal (3,) of the surface at the source feature; validity."""
    origins, normals = np.zeros((2, len(matches.source), 3))
    valid = np.zeros(len(matches.source), bool)
    for i in np.unique(matches.view):
        rows = np.flatnonzero(matches.view == i)
        u, v = depth_pixels(parameters, matches.source[rows], views[i].points)
        points, r = views[i].points.astype(float), PLANE_REACH
        inside = (u >= r) & (v >= r) & (u < points.shape[1] - r) & (v < points.shape[0] - r)
        rows, u, v = rows[inside], u[inside], v[inside]
        sides = [points[v, u - r], points[v, u + r], points[v - r, u], points[v + r, u]]
        here = points[v, u]
        step = np.max([np.abs(side[:, 2] - here[:, 2]) for side in sides], axis=0)
        origins[rows] = here
        normals[rows] = np.cross(sides[1] - sides[0], sides[3] - sides[2])
        valid[rows] = (here[:, 2] > 0.3) & (step < PLANE_STEP * here[:, 2])
    return origins, normals, valid


def depth_pixels(
    parameters: np.ndarray, features: np.ndarray, points: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """The depth pixels (column, row) whose points project to the given colour pixels (N, 2).

    Fixed point: guess the depth, place the ray's point in the depth image, read the depth there.
    """
    T_depth_color = inverse(exp_se3(parameters[1:]))
    rays = np.column_stack([(features - CENTRE) / parameters[0], np.ones(len(features))])
    z = np.full(len(features), 2.0)
    height, width = points.shape[:2]
    camera = DEPTH_CAMERA
    for _ in range(6):
        x = transform(T_depth_color, rays * z[:, None])
        u = np.rint(camera.fx * x[:, 0] / x[:, 2] + camera.cx).astype(int)
        v = np.rint(camera.fy * x[:, 1] / x[:, 2] + camera.cy).astype(int)
        inside = (u >= 0) & (v >= 0) & (u < width) & (v < height)
        read = points[np.clip(v, 0, height - 1), np.clip(u, 0, width - 1), 2]
        z = np.where(inside & (read > 0), read, z)
    return np.where(inside, u, -1), np.where(inside, v, -1)


def residuals(
    parameters: np.ndarray, matches: Matches, origins: np.ndarray, normals: np.ndarray
) -> np.ndarray:
    """(N, 2) pixels: the source feature's point, seen in the target image, less the match."""
    f, T_color_depth = parameters[0], exp_se3(parameters[1:])
    T_depth_color = inverse(T_color_depth)
    rays = np.column_stack([(matches.source - CENTRE) / f, np.ones(len(matches.source))])
    rays = rays @ T_depth_color[:3, :3].T
    eye = T_depth_color[:3, 3]
    along = np.einsum("ni,ni->n", normals, rays)
    along = np.where(np.abs(along) < 1e-12, 1e-12, along)
    distance = np.einsum("ni,ni->n", normals, origins - eye) / along
    points = eye + rays * distance[:, None]
    T = matches.T_target_source
    points = np.einsum("nij,nj->ni", T[:, :3, :3], points) + T[:, :3, 3]
    points = transform(T_color_depth, points)
    z = np.where(points[:, 2] > 0.05, points[:, 2], 0.05)
    return f * points[:, :2] / z[:, None] + CENTRE - matches.target


if __name__ == "__main__":
    main()
