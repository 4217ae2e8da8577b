"""What things that move leave in the mesh, and what looking for them takes from it.

    python tools benchmarks.maps.moving chair --out DIR [--chair NAME] [--seed N]
    python tools benchmarks.maps.moving rooms --out DIR [--first 3300] [--rooms 6]
    python tools benchmarks.maps.moving simulated --out DIR [--seed N] [--blobs N]

chair: the sample room is walked through twice in one run, and in between a chair is moved.
rooms: made by a seed; through one person walks (of every two), in the other nothing moves.
simulated: the sample room, seen by a network as it is simulated, with blobs of wrong depth that
drift through the picture and its other errors, up to scale; --blobs 0: with the others alone.

Each run is made once, with nobody looking for what moves, and its map is fused again without what
is found to have moved. Ghosts: area of the mesh that is further than 5 cm (10 of a network) from
every surface that stands in the end. Lost: of the exact surface that the map holds that near, the
share that it does not hold any more. Runs that are in DIR already are taken as they are.
"""

from __future__ import annotations

import argparse
import shutil
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, Final

import cv2
import numpy as np
from measures.fused_rooms import distances, to_open3d
from scipy.spatial import cKDTree
from scipy.spatial.transform import Rotation, Slerp
from simulation.config import OutlierConfig, SimulationConfig
from simulation.simulator import PredictionSimulator
from simulation.truth import DepthRenderer, true_poses

from benchmarks.maps.merging import Walk, mapped
from mapper.backend.config import BackendConfig
from mapper.backend.finalisation import fused_map
from mapper.backend.moving.finding import Moving
from mapper.backend.moving.marking import marked, moving_in
from mapper.config.loader import load_config
from mapper.core.geometry import transform, umeyama
from mapper.core.mesh import Mesh
from mapper.core.prediction_files import save_prediction
from mapper.core.settings_model import from_mapping
from mapper.core.sim3 import similarity
from mapper.core.trajectory import MATCH_SECONDS, matching_times
from mapper.io.meshes.mesh_files import read_mesh, write_mesh
from mapper.io.sequences.open_sequence import open_sequence
from mapper.io.trajectory_files import read_tum
from mapper.report.mesh_picture import render_mesh
from mapper.rooms import draw_sequence, write_sequence
from mapper.rooms.renderer import RoomRenderer
from mapper.rooms.sample.camera import DEMO_WALK, SampleWalk, sample_intrinsics, sample_poses
from mapper.rooms.sample.furniture import PLACES, Place, sample_room
from mapper.rooms.sample.sequence import START_TIME, make_sample, render_sample
from mapper.rooms.tum_folder import (
    make_folders,
    stamp,
    write_calibration,
    write_frame,
    write_lists,
)
from mapper.run.directory import RunDirectory
from mapper.runtime.open3d_loader import load_open3d
from mapper.saved.map import load_map
from mapper.saved.results import backend_settings_of

SECOND_WALK: Final = SampleWalk((0.95, 1.1), 3.2, -0.33, 0.15)
BETWEEN: Final = 12  # frames from the first walk to the second
MOVED_TO: Final[dict[str, Place]] = {
    "chair": (2.3, 3.7, 0.6),
    "second chair": (1.6, 3.2, -1.2),
    "third chair": (3.40, 4.35, 2.0),
    "cartons": (1.50, 4.00, 0.6),
    "coffee table": (4.1, 1.5, 0.3),
}
POINTS: Final = 100_000  # of the exact surface
NOTHING: Final = "nothing"


@dataclass(frozen=True, slots=True)
class Judged:
    """ghosts: m^2 without and with what moved taken out; inside: of those in the room. area: of the
    whole mesh, m^2. held: share of the exact surface that the first map holds. lost: of that, the
    share that the second does not. found: what moved. seconds: CPU that finding it took."""

    ghosts: tuple[float, float]
    inside: tuple[float, float]
    area: float
    held: float
    lost: float
    found: Moving
    seconds: float


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("what", choices=("chair", "rooms", "simulated"))
    parser.add_argument("--out", type=Path, required=True, metavar="DIR")
    parser.add_argument("--chair", choices=(*MOVED_TO, NOTHING), default="chair")
    parser.add_argument("--frames", type=int, default=110, help="of each walk past the chair")
    parser.add_argument("--width", type=int, default=320)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--blobs", type=int, default=OutlierConfig().count, metavar="N")
    parser.add_argument("--first", type=int, default=3300, metavar="SEED")
    parser.add_argument("--rooms", type=int, default=6, metavar="N")
    parser.add_argument("--set", dest="changes", action="append", default=[], metavar="KEY=VALUE")
    options = parser.parse_args()
    cv2.setNumThreads(1)
    options.out.mkdir(parents=True, exist_ok=True)
    config = load_config(None, tuple(options.changes)).backend
    {"chair": chair, "rooms": rooms, "simulated": simulated}[options.what](options, config)
    return 0


def chair(options: argparse.Namespace, config: BackendConfig) -> None:
    name = f"{options.chair.replace(' ', '_')}{options.seed}"
    after = sample_room({options.chair: MOVED_TO[options.chair]} if options.chair in PLACES else {})
    frames = options.out / f"{name}_frames"
    if not (options.out / name).exists():
        shutil.rmtree(frames, ignore_errors=True)
        write_two_walks(frames, after, options)
    walk = mapped(options.out / name, frames)
    shutil.rmtree(frames, ignore_errors=True)
    told(name, judged(walk, after.mesh(), config))


def write_two_walks(folder: Path, after: Any, options: argparse.Namespace) -> None:
    """The demo's walk through the room as it is, then one beside it through the room as it is
    after; both are one recording."""
    first = sample_poses(options.frames, DEMO_WALK)
    second = sample_poses(options.frames, SECOND_WALK)
    poses = np.concatenate([first, way(first[-1], second[0], BETWEEN), second])
    before_until = len(first) + BETWEEN // 2
    intrinsics = sample_intrinsics(options.width, options.width * 3 // 4)
    renderers = RoomRenderer(sample_room()), RoomRenderer(after)
    times = [stamp(START_TIME + index / 30) for index in range(len(poses))]
    folder.mkdir(parents=True)
    make_folders(folder)
    for index, T in enumerate(poses):
        rng = np.random.default_rng(1000 * options.seed + index)
        image, depth = render_sample(renderers[index >= before_until], T, intrinsics, rng)
        write_frame(folder, times[index], image, depth)
    write_lists(folder, times, poses)
    write_calibration(folder, intrinsics, "structured-light")


def way(T_from: np.ndarray, T_to: np.ndarray, count: int) -> np.ndarray:
    """Poses (count, 4, 4) between two."""
    shares = np.arange(1, count + 1) / (count + 1)
    ends = Rotation.from_matrix(np.stack([T_from[:3, :3], T_to[:3, :3]]))
    poses = np.tile(np.eye(4), (count, 1, 1))
    poses[:, :3, :3] = Slerp([0.0, 1.0], ends)(shares).as_matrix()
    poses[:, :3, 3] = T_from[:3, 3] + shares[:, None] * (T_to[:3, 3] - T_from[:3, 3])
    return poses


def rooms(options: argparse.Namespace, config: BackendConfig) -> None:
    for number in range(options.rooms):
        seed, moving = options.first + number // 2, ("person", "nothing")[number % 2]
        spec = draw_sequence(seed, path="hand_held", moving=moving, layout="open", frames=100)
        name = f"{seed}{moving}"
        frames = options.out / f"{name}_frames"
        if not (options.out / name).exists():
            shutil.rmtree(frames, ignore_errors=True)
            write_sequence(frames, spec)
            shutil.copyfile(frames / "mesh.ply", options.out / f"{name}.ply")
        walk = mapped(options.out / name, frames)
        shutil.rmtree(frames, ignore_errors=True)
        told(name, judged(walk, read_mesh(options.out / f"{name}.ply"), config))


def simulated(options: argparse.Namespace, config: BackendConfig) -> None:
    name = f"simulated{options.seed}blobs{options.blobs}"
    frames, predictions = (options.out / f"{name}_{what}" for what in ("frames", "predictions"))
    truth = sample_room().mesh()
    if not (options.out / name).exists():
        for folder in (frames, predictions):
            shutil.rmtree(folder, ignore_errors=True)
        make_sample(frames, options.frames, options.width, options.width * 3 // 4, options.seed)
        opened = open_sequence(frames)
        blobs = {"count": options.blobs}
        errors = {"seed": options.seed, "images": {"source": "real"}, "outliers": blobs}
        simulator = PredictionSimulator(
            opened,
            DepthRenderer(truth),
            true_poses(opened),
            from_mapping(SimulationConfig, errors),
        )
        predictions.mkdir()
        for prediction in simulator:
            save_prediction(predictions, prediction)
    request = {"frontend": "replay", "changes": (f"replay.predictions={predictions}",)}
    walk = mapped(options.out / name, frames, **request)
    told(name, judged(walk, truth, config, 0.1))


def judged(walk: Walk, truth: Mesh, config: BackendConfig, off: float = 0.05) -> Judged:
    """The map as it is, and without what moved. truth: surfaces that stand in the end."""
    run = RunDirectory.open(walk.path)
    saved, stored = load_map(run), backend_settings_of(run)
    load = lru_cache(1000)(run.keyframes.load)
    refinement = config.refinement
    before = fused_map(saved, stored.fusion, saved.maps_to_fuse(refinement, load))
    started = time.process_time()
    found = moving_in(saved, load, stored.fusion, refinement, config.moving)
    seconds = time.process_time() - started
    load_without = lru_cache(1000)(_without(load, found))
    source = saved.maps_to_fuse(refinement, load_without)
    after = fused_map(saved, stored.fusion, source)
    S = truth_from_world(walk)
    meshes = [_in_truth(each.extract_mesh(), S) for each in (before, after)]
    for mesh, which in zip(meshes, ("off", "remove"), strict=True):
        write_mesh(walk.path.with_name(f"{walk.path.name}_{which}.ply"), mesh)
        picture = render_mesh(mesh, up=(0.0, 0.0, 1.0))
        cv2.imwrite(f"{walk.path}_{which}.png", picture[..., ::-1])
    load_open3d().utility.random.seed(0)
    points = np.asarray(to_open3d(truth).sample_points_uniformly(POINTS).points)
    held, kept = (cKDTree(mesh.vertices).query(points)[0] < off for mesh in meshes)
    ghosts = [ghost_area(mesh, truth, off) for mesh in meshes]
    inside = [ghost_area(_within(mesh, truth), truth, off) for mesh in meshes]
    area = float(areas(meshes[0]).sum())
    lost = float((held & ~kept).sum() / max(held.sum(), 1))
    return Judged(
        (ghosts[0], ghosts[1]),
        (inside[0], inside[1]),
        area,
        float(held.mean()),
        lost,
        found,
        seconds,
    )


def _without(load: Callable[[int], Any], found: Moving) -> Callable[[int], Any]:
    def without(keyframe_id: int) -> Any:
        pixels = found.pixels.get(keyframe_id)
        source = load(keyframe_id)
        return source if pixels is None else marked(source, pixels, True)

    return without


def truth_from_world(walk: Walk) -> np.ndarray:
    """S_truth_world (4, 4), by the true poses."""
    found = read_tum(walk.path / "trajectory.txt")
    a, b = matching_times(walk.truth.timestamps, found.timestamps, MATCH_SECONDS)
    return similarity(*umeyama(found.positions[b], walk.truth.positions[a], with_scale=True))


def _in_truth(mesh: Mesh, S: np.ndarray) -> Mesh:
    vertices = transform(S, mesh.vertices.astype(float)).astype(np.float32)
    return Mesh(vertices, mesh.faces, mesh.colors, mesh.normals)


def _within(mesh: Mesh, truth: Mesh) -> Mesh:
    """Faces in the room: what lies outside its walls no view ever looks through."""
    middles = mesh.vertices[mesh.faces].mean(axis=1)
    low, high = truth.vertices.min(axis=0), truth.vertices.max(axis=0)
    inside = ((middles > low) & (middles < high)).all(axis=1)
    return Mesh(mesh.vertices, mesh.faces[inside], mesh.colors, mesh.normals)


def ghost_area(mesh: Mesh, truth: Mesh, off: float) -> float:
    """m^2 of faces whose middles are further than `off` metres from the truth."""
    middles = mesh.vertices[mesh.faces].mean(axis=1)
    return float(areas(mesh)[distances(middles, truth) > off].sum())


def areas(mesh: Mesh) -> np.ndarray:
    a, b, c = (mesh.vertices[mesh.faces[:, corner]].astype(float) for corner in range(3))
    return np.asarray(np.linalg.norm(np.cross(b - a, c - a), axis=1) / 2)


def told(name: str, found: Judged) -> None:
    off, remove = found.ghosts
    print(
        f"{name}: ghosts {off:.3f} m2 of {found.area:.1f}, {remove:.3f} without what moved (in the "
        f"room {found.inside[0]:.3f}, {found.inside[1]:.3f}); "
        f"{found.held:.1%} of the surface held, of that lost {found.lost:.3%}; "
        f"{len(found.found.things)} things, {found.seconds:.2f} s",
        flush=True,
    )
    for thing in found.found.things[:8]:
        size = " x ".join(f"{100 * x:.0f}" for x in thing.size)
        print(
            f"    {size} cm, {thing.area:.2f} m2, seen {len(thing.keyframes)} times until "
            f"{thing.seen_until - thing.seen_from:.1f} s later, gone by {thing.gone_by:.2f}",
            flush=True,
        )


if __name__ == "__main__":
    sys.exit(main())
