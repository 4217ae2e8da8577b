"""TSDF integration and meshes: ours against Open3D's VoxelBlockGrid, one core each.

    python tools benchmarks.tsdf SEQUENCE [--frames N]

Both engines integrate the same depth frames, under the same ground-truth poses and truncation, at
2 cm and 1 cm. Times are medians of CPU time a frame, block allocation included, ours with the
masking of flying pixels and the weights too. Agreement is the mean distance
of the 2 cm mesh from each engine's 1 cm mesh, and, on the rendered sample room with a sensor's
noise, the distance of both meshes from the exact surface.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

os.environ["OMP_NUM_THREADS"] = "1"  # before Open3D loads
if hasattr(os, "sched_setaffinity"):  # Open3D has other threads than OpenMP's: one core for all
    os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})

import numpy as np

from mapper.backend.fusion.tsdf import TsdfConfig, TsdfVolume
from mapper.backend.keyframes.flying_pixels import mask_unreliable
from mapper.core.depth_noise import STRUCTURED_LIGHT, depth_confidence
from mapper.core.frame import Frame
from mapper.core.geometry import inverse
from mapper.io.sequences.open_sequence import open_sequence
from mapper.io.sequences.sequence import Sequence
from mapper.rooms.sample.sequence import make_sample, room_mesh
from mapper.runtime.open3d_loader import load_open3d

MAX_DEPTH = 5.0
TRUNCATION_VOXELS = 3.0
MIN_WEIGHT = 0.03  # single frames are fused: what one of them saw far away is left out
SURFACE_POINTS = 100_000


@dataclass
class Fused:
    """milliseconds: median a frame. points: float (N, 3), samples of the mesh's surface."""

    milliseconds: float
    points: np.ndarray
    mesh: object


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("sequence", type=Path)
    parser.add_argument("--frames", type=int, default=60)
    arguments = parser.parse_args()
    measure(open_sequence(arguments.sequence), arguments.frames)
    with tempfile.TemporaryDirectory() as folder:
        sample = open_sequence(make_sample(Path(folder) / "sample", frames=60))
        measure_truth(sample)


def measure(sequence: Sequence, count: int) -> None:
    frames, poses = pick(sequence, count)
    ours = {size: fuse_ours(frames, poses, size) for size in (0.02, 0.01)}
    theirs = {size: fuse_open3d(frames, poses, size) for size in (0.02, 0.01)}
    print(f"\n{sequence.name}, {len(frames)} frames of {frames[0].image.shape[1]} pixels width")
    print("| | ours | VoxelBlockGrid | ratio |\n| --- | --- | --- | --- |")
    for size in (0.02, 0.01):
        a, b = ours[size].milliseconds, theirs[size].milliseconds
        print(f"| integrate, {size * 100:.0f} cm | {a:.1f} ms | {b:.1f} ms | {b / a:.1f}x |")
    for name, fine in (("ours", ours[0.01]), ("VoxelBlockGrid", theirs[0.01])):
        a, b = (mean_distance(engine[0.02].points, fine.mesh) * 1e3 for engine in (ours, theirs))
        print(f"| 2 cm mesh from the 1 cm mesh of {name} | {a:.2f} mm | {b:.2f} mm | {b / a:.2f} |")


def measure_truth(sample: Sequence) -> None:
    """Distances from the exact surface; the sample's ground truth is in the room's frame."""
    frames, poses = pick(sample, len(sample))
    truth = to_open3d(room_mesh().vertices, room_mesh().faces)
    print("\n| mean distance from the exact room | ours | VoxelBlockGrid |\n| --- | --- | --- |")
    for size in (0.02, 0.01):
        a = mean_distance(fuse_ours(frames, poses, size).points, truth) * 1e3
        b = mean_distance(fuse_open3d(frames, poses, size).points, truth) * 1e3
        print(f"| {size * 100:.0f} cm | {a:.2f} mm | {b:.2f} mm |")


def pick(sequence: Sequence, count: int) -> tuple[list[Frame], list[np.ndarray]]:
    """Evenly spaced frames with their ground-truth poses."""
    truth = sequence.ground_truth
    assert truth is not None
    frames, poses = [], []
    for index in np.linspace(0, len(sequence) - 1, min(count, len(sequence))).astype(int):
        frame = sequence[int(index)]
        nearest = np.abs(truth.timestamps - frame.timestamp).argmin()
        frames.append(frame)
        poses.append(truth.T_world_camera[nearest])
    return frames, poses


def fuse_ours(frames: list[Frame], poses: list[np.ndarray], voxel_size: float) -> Fused:
    config = TsdfConfig(
        voxel_size,
        MAX_DEPTH,
        TRUNCATION_VOXELS,
        truncation_sigmas=0.0,
        min_weight=MIN_WEIGHT,
        max_memory_mb=6000,
    )
    times: list[float] = []
    for _ in range(2):  # the first pass compiles and warms the caches
        volume, times = TsdfVolume(config), []
        for frame, T_world_camera in zip(frames, poses, strict=True):
            assert frame.depth is not None and frame.intrinsics is not None
            start = time.process_time()
            depth = mask_unreliable(frame.depth, 0.05)
            weight = depth_confidence(depth, STRUCTURED_LIGHT.coefficients)
            volume.integrate(depth, weight, frame.image, frame.intrinsics, T_world_camera)
            times.append(time.process_time() - start)
    mesh = volume.extract_mesh()
    o3d_mesh = to_open3d(mesh.vertices, mesh.faces)
    return Fused(float(np.median(times)) * 1e3, sample(o3d_mesh), o3d_mesh)


def fuse_open3d(frames: list[Frame], poses: list[np.ndarray], voxel_size: float) -> Fused:
    o3d = load_open3d()
    core = o3d.core
    times: list[float] = []
    for _ in range(2):
        grid = o3d.t.geometry.VoxelBlockGrid(
            ("tsdf", "weight", "color"),
            (core.float32, core.float32, core.float32),
            ((1), (1), (3)),
            voxel_size,
            8,
            60000,
        )
        times = []
        for frame, T_world_camera in zip(frames, poses, strict=True):
            assert frame.depth is not None and frame.intrinsics is not None
            depth = o3d.t.geometry.Image(core.Tensor(frame.depth))
            color = o3d.t.geometry.Image(core.Tensor(frame.image.astype(np.float32) / 255))
            K = core.Tensor(frame.intrinsics.matrix)
            T_camera_world = core.Tensor(inverse(T_world_camera))
            start = time.process_time()
            blocks = grid.compute_unique_block_coordinates(
                depth, K, T_camera_world, 1.0, MAX_DEPTH, TRUNCATION_VOXELS
            )
            grid.integrate(
                blocks, depth, color, K, K, T_camera_world, 1.0, MAX_DEPTH, TRUNCATION_VOXELS
            )
            times.append(time.process_time() - start)
    mesh = grid.extract_triangle_mesh(1.0).to_legacy()
    return Fused(float(np.median(times)) * 1e3, sample(mesh), mesh)


def to_open3d(vertices: np.ndarray, faces: np.ndarray) -> object:
    o3d = load_open3d()
    return o3d.geometry.TriangleMesh(
        o3d.utility.Vector3dVector(vertices.astype(float)), o3d.utility.Vector3iVector(faces)
    )


def sample(mesh: object) -> np.ndarray:
    """Points (N, 3), even over the surface."""
    load_open3d().utility.random.seed(0)
    return np.asarray(mesh.sample_points_uniformly(SURFACE_POINTS).points)  # type: ignore[attr-defined]


def mean_distance(points: np.ndarray, mesh: object) -> float:
    """Mean distance [m] of points from a mesh's surface; those beyond 10 cm see another part."""
    o3d = load_open3d()
    scene = o3d.t.geometry.RaycastingScene()
    scene.add_triangles(o3d.t.geometry.TriangleMesh.from_legacy(mesh))
    distances = scene.compute_distance(o3d.core.Tensor(points.astype(np.float32))).numpy()
    return float(distances[distances < 0.1].mean())


if __name__ == "__main__":
    main()
