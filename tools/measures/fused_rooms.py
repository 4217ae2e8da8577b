"""Fused maps of made-up rooms against their exact surfaces, near and far, by kind of camera.

    python tools measures.fused_rooms [--kinds K ...] [--seeds N ...] [--as KIND]

Frames come with their true poses, so that fusion alone is judged. Each row: of the exact surface
that the camera saw from within a range of distances (at its nearest), the share that is within 5 cm
of the map; how far the map's vertices there lie from the exact surface (median and 90 %); open
edges for each vertex (the rims of holes); vertices in pieces of less than 100.
"""

from __future__ import annotations

import argparse
import time
from dataclasses import dataclass

import numpy as np
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components
from scipy.spatial import cKDTree

from mapper.backend.fusion.map_fusion import FusionConfig, MapFusion
from mapper.backend.keyframes.keyframe_map import KeyframeMap
from mapper.config.loader import load_config
from mapper.core.camera_kinds import AUTO, CAMERA_KINDS, KIND_CHOICES
from mapper.core.camera_noise import known_noise
from mapper.core.depth_noise import DepthNoise, depth_confidence
from mapper.core.geometry import backproject, inverse
from mapper.core.mesh import Mesh
from mapper.core.prediction import Prediction
from mapper.rooms import RoomFrame, RoomSequence, draw_sequence
from mapper.runtime.open3d_loader import load_open3d
from mapper.vision.noise_estimate import estimated_noise

BANDS = ((0.0, 2.0), (2.0, 3.5), (3.5, 7.0))  # metres
NEAR = 0.05  # metres: a surface point within it of the map is there
POINTS = 60_000
CRUMB = 100  # vertices
EACH = 6  # frames of a keyframe
ROOM = {"size": (7.0, 5.5, 2.6), "layout": "open", "path": "head_worn", "rate": 15.0, "range": 6.5}
PLAIN = {"frames": 60, "misplaced": (0.0,) * 6, "delay": 0.0, "readout": 0.0, "noise": 1.0}


@dataclass(frozen=True)
class Seen:
    """points: (N, 3) of the exact surface, world frame. nearest: (N,), metres, from where the
    camera saw each at its nearest; infinite = never."""

    points: np.ndarray
    nearest: np.ndarray


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--kinds", nargs="*", default=CAMERA_KINDS)
    parser.add_argument("--seeds", nargs="*", type=int, default=[2, 4])
    parser.add_argument("--as", dest="kind", choices=KIND_CHOICES, help="(each as what it is)")
    parser.add_argument("--set", dest="changes", action="append", default=[], metavar="KEY=VALUE")
    arguments = parser.parse_args()
    config = load_config(None, tuple(arguments.changes))
    print(
        "| camera, taken for | metres | there | off, median | 90 % | open edges | in crumbs | s |"
    )
    print("| --- | --- | --- | --- | --- | --- | --- | --- |")
    for kind in arguments.kinds:
        for seed in arguments.seeds:
            judge(kind, seed, arguments.kind or kind, config.backend.fusion)


def judge(kind: str, seed: int, taken_for: str, config: FusionConfig) -> None:
    """Print the rows of one room."""
    sequence = RoomSequence(draw_sequence(seed, kind=kind, **ROOM, **PLAIN))
    frames = list(sequence)
    depths = (each.frame.depth for each in frames[::10] if each.frame.depth is not None)
    known = known_noise(taken_for, None) if taken_for != AUTO else estimated_noise(depths)
    assert known is not None
    started = time.process_time()
    mesh = fused(frames, known.noise, config)
    seconds = time.process_time() - started
    seen = surface_seen(sequence, frames)
    vertices = mesh.vertices
    _, place = cKDTree(seen.points).query(vertices)
    gap, _ = cKDTree(vertices).query(seen.points)
    off = distances(vertices, sequence.mesh())
    crumbs, edges = crumb_share(mesh), open_edges(mesh)
    for near, far in BANDS:
        there = (seen.nearest >= near) & (seen.nearest < far)
        here = there[place]
        if not here.any():
            print(f"| {kind} {seed}, {known.kind} | {near:g} to {far:g} | {0:.1%} | | | | | |")
            continue
        figures = off[here] * 1e3
        print(
            f"| {kind} {seed}, {known.kind} | {near:g} to {far:g} "
            f"| {np.mean(gap[there] < NEAR):.1%} | {np.median(figures):.1f} mm "
            f"| {np.quantile(figures, 0.9):.1f} mm | {edges[here].mean():.3f} "
            f"| {crumbs[here].mean():.2%} | {seconds:.1f} |",
            flush=True,
        )


def fused(frames: list[RoomFrame], noise: DepthNoise, config: FusionConfig) -> Mesh:
    """The map of keyframes, each averaged with the frames after it, in the room's frame."""
    maps: dict[int, KeyframeMap] = {}
    fusion = MapFusion(config, maps.__getitem__)
    for first in range(0, len(frames), EACH):
        T_world_keyframe = frames[first].T_world_camera
        own = maps[first] = KeyframeMap.of(prediction(frames[first], noise))
        for each in frames[first + 1 : first + EACH]:
            own.fuse(prediction(each, noise), inverse(T_world_keyframe) @ each.T_world_camera)
        own.freeze()
    fusion.sync({first: frames[first].T_world_camera for first in maps})
    return fusion.extract_mesh()


def prediction(each: RoomFrame, noise: DepthNoise) -> Prediction:
    """As the frontend rgbd makes it, at the true pose."""
    frame = each.frame
    assert frame.depth is not None and frame.intrinsics is not None
    return Prediction(
        frame.index,
        frame.timestamp,
        backproject(frame.depth, frame.intrinsics),
        depth_confidence(frame.depth, noise.coefficients),
        each.T_world_camera,
        frame.intrinsics,
        frame.image,
        is_metric=True,
        noise=noise,
    )


def surface_seen(sequence: RoomSequence, frames: list[RoomFrame]) -> Seen:
    """Points of the exact surface, and from how near the camera saw them."""
    o3d = load_open3d()
    o3d.utility.random.seed(0)
    points = np.asarray(to_open3d(sequence.mesh()).sample_points_uniformly(POINTS).points)
    nearest = np.full(len(points), np.inf)
    camera, limit = sequence.intrinsics, sequence.spec.camera.range
    for each in frames[::2]:
        T = inverse(each.T_world_camera)
        X = points @ T[:3, :3].T + T[:3, 3]
        z = np.maximum(X[:, 2], 1e-6)
        u = np.round(camera.fx * X[:, 0] / z + camera.cx).astype(int)
        v = np.round(camera.fy * X[:, 1] / z + camera.cy).astype(int)
        inside = (X[:, 2] > 0.3) & (z < limit) & (u >= 0) & (v >= 0)
        inside &= (u < camera.width) & (v < camera.height)
        rows = np.flatnonzero(inside)
        met = np.abs(each.depth[v[rows], u[rows]] - z[rows]) < 0.02 + 0.01 * z[rows]
        rows = rows[met & ~each.moving[v[rows], u[rows]]]
        nearest[rows] = np.minimum(nearest[rows], z[rows])
    return Seen(points, nearest)


def distances(points: np.ndarray, mesh: Mesh) -> np.ndarray:
    """Metres (N,) from points to the surface."""
    o3d = load_open3d()
    scene = o3d.t.geometry.RaycastingScene()
    scene.add_triangles(o3d.t.geometry.TriangleMesh.from_legacy(to_open3d(mesh)))
    return np.asarray(scene.compute_distance(o3d.core.Tensor(points.astype(np.float32))).numpy())


def open_edges(mesh: Mesh) -> np.ndarray:
    """(N,): edges at each vertex that belong to one face alone."""
    edges = np.sort(mesh.faces[:, [0, 1, 1, 2, 2, 0]].reshape(-1, 2), axis=1)
    kept, count = np.unique(edges, axis=0, return_counts=True)
    return np.bincount(kept[count == 1].ravel(), minlength=len(mesh.vertices)) / 2


def crumb_share(mesh: Mesh) -> np.ndarray:
    """bool (N,): vertices of pieces with less than CRUMB of them."""
    edges = mesh.faces[:, [0, 1, 1, 2]].reshape(-1, 2)
    n = len(mesh.vertices)
    graph = coo_matrix((np.ones(len(edges), bool), edges.T), shape=(n, n))
    _, piece = connected_components(graph, directed=False)
    return np.asarray(np.bincount(piece)[piece] < CRUMB)


def to_open3d(mesh: Mesh):  # type: ignore[no-untyped-def]
    o3d = load_open3d()
    return o3d.geometry.TriangleMesh(
        o3d.utility.Vector3dVector(mesh.vertices.astype(float)),
        o3d.utility.Vector3iVector(mesh.faces),
    )


if __name__ == "__main__":
    main()
