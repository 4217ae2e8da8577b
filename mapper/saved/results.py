"""Results of a run: from its files where it came to its end, else from what it had mapped."""

from __future__ import annotations

from contextlib import closing
from dataclasses import replace
from functools import lru_cache

import numpy as np
from tqdm import tqdm

from mapper.backend.alignment.refined_maps import RefinementConfig
from mapper.backend.config import BackendConfig
from mapper.backend.finalisation import fused_map
from mapper.backend.fusion.map_fusion import FusionConfig
from mapper.backend.fusion.tsdf import BYTES_PER_BLOCK
from mapper.backend.global_map import GlobalMap
from mapper.backend.keyframes.keyframe_map import KeyframeMap
from mapper.core.mesh import Mesh
from mapper.core.trajectory import Trajectory
from mapper.errors import ConfigError, InputError
from mapper.io.meshes.mesh_files import read_mesh
from mapper.io.sequences.fingerprint import fingerprint
from mapper.io.sequences.open_sequence import open_chosen
from mapper.io.sequences.sequence import Sequence
from mapper.io.trajectory_files import read_tum
from mapper.run.directory import RunDirectory
from mapper.run.outputs import ALIGNMENT
from mapper.run.stored_run import LIVE, MERGED
from mapper.saved.map import load_map
from mapper.slam.frame_counts import FrameCounts

CACHED_MAPS = 64  # keyframes, 3 MB each at 640x480


def is_complete(run: RunDirectory) -> bool:
    """Whether the run saw its whole sequence; if not, its files may lag behind its journal."""
    return bool(run.read_json(run.metrics).get("complete"))


def expected_frames(run: RunDirectory) -> int:
    """Frames that should have got a pose: all of the sequence, if the run was interrupted too.

    So should colour images that were left out for want of depth.
    """
    if is_complete(run):
        metrics = run.read_json(run.metrics)
        return int(metrics["frames"]) + int(metrics.get("without_depth", 0))
    described = run.read_description()
    if described.says.sequence.frames is None:  # of a live run: what came is what there was
        return known_counts(run, 0).frames
    return described.says.sequence.frames


def load_trajectories(run: RunDirectory) -> tuple[Trajectory, Trajectory]:
    """Poses of all frames and of the keyframes alone, T_world_camera."""
    if is_complete(run):
        return read_tum(run.trajectory), read_tum(run.keyframe_trajectory)
    saved = load_map(run)
    return saved.trajectory()[1], saved.keyframe_trajectory()


def true_poses(run: RunDirectory) -> Trajectory | None:
    """The ground truth: the run's copy, else the sequence's if that is still there; or None."""
    if run.ground_truth.exists():
        return read_tum(run.ground_truth)
    sequence = sequence_again(run)
    if sequence is None:
        return None
    with closing(sequence):
        return sequence.ground_truth


def sequence_again(run: RunDirectory) -> Sequence | None:
    """The sequence that a run was made from; None where it is gone, or another by now.

    Its frames have their own size, whatever size they were worked on at.
    """
    described = run.read_description()
    stored = described.says.sequence
    if stored.kind in (LIVE, MERGED):
        return None
    try:
        choice = stored.model_copy(update={"mask_dir": described.mask_dir})
        sequence = open_chosen(described.sequence_path, described.calibration, choice)
    except (InputError, ConfigError):
        return None
    if fingerprint(sequence) == stored.fingerprint:
        return sequence
    sequence.close()
    return None


def known_counts(run: RunDirectory, at_least: int) -> FrameCounts:
    """Of a finished run exact, else as of the last checkpoint, which the map may be ahead of.

    at_least: frames that there surely were.
    """
    known = run.read_json(run.metrics) or run.read_json(run.checkpoint).get("counts", {})
    names = ("frames", "lost", "skipped", "left_out", "apart")
    counts = FrameCounts(**{name: int(known.get(name, 0)) for name in names})
    return replace(counts, frames=max(counts.frames, at_least))


def fusion_config(run: RunDirectory) -> FusionConfig:
    """The settings that the run's map was fused with."""
    return backend_settings_of(run).fusion


def refinement_config(run: RunDirectory) -> RefinementConfig:
    """The settings that the keyframes' maps were refined with, where the run was aligned."""
    return backend_settings_of(run).refinement


def backend_settings_of(run: RunDirectory) -> BackendConfig:
    """Those of the run, changed as mapper align was told to."""
    changes = run.read_json(run.path / ALIGNMENT).get("changes", [])
    return run.read_description().backend_settings(changes)


def fuse_again(
    run: RunDirectory, saved: GlobalMap, config: FusionConfig, quiet: bool = False
) -> tuple[Mesh, bool]:
    """Fuse all keyframes of the map anew; (mesh, whether the memory limit left surface out)."""
    load = lru_cache(CACHED_MAPS)(run.keyframes.load)  # refining asks for neighbours again
    source = saved.maps_to_fuse(refinement_config(run), load)
    count = len(saved.fused_poses)
    with tqdm(total=count, unit=" keyframes", disable=quiet or None, leave=False) as bar:

        def map_of(keyframe_id: int) -> KeyframeMap:
            bar.update()
            return source(keyframe_id)

        fusion = fused_map(saved, config, map_of)
    used = (len(fusion.volume) + 1) * BYTES_PER_BLOCK
    return fusion.extract_mesh(), used > config.tsdf.max_memory_mb * 2**20


def load_cloud(run: RunDirectory, saved: GlobalMap, quiet: bool = False) -> Mesh:
    """Vertices of the run's mesh, without faces."""
    return replace(load_mesh(run, saved, quiet), faces=np.zeros((0, 3), np.int32))


def load_mesh(run: RunDirectory, saved: GlobalMap, quiet: bool = False) -> Mesh:
    """The run's mesh; fused here where there is none of all of it."""
    if is_complete(run) and run.mesh.exists():
        return read_mesh(run.mesh)
    return fuse_again(run, saved, fusion_config(run), quiet)[0]


def thinned(cloud: Mesh, max_points: int) -> Mesh:
    """At most max_points of the points, drawn evenly; the same ones each time."""
    if len(cloud.vertices) <= max_points:
        return cloud
    chosen = np.random.default_rng(0).choice(len(cloud.vertices), max_points, replace=False)
    chosen.sort()
    return Mesh(
        cloud.vertices[chosen], cloud.faces[:0], cloud.colors[chosen], cloud.normals[chosen]
    )
