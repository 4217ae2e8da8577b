"""Simulate a streaming model's predictions of a sequence that has ground-truth poses and depth.

    python tools/simulate_predictions.py SEQUENCE --out DIR --seed N
    mapper run SEQUENCE --frontend replay --set replay.predictions=DIR

The truth is the simulation's own: a mesh fused from the sequence's depth at its ground-truth
poses, out of which each depth map is rendered, and each image with a texture of some of the real
ones: unlike those, it fits the geometry exactly. DIR gets one file per prediction (about 1.5 MB at
320x240), truth_mesh.ply, groundtruth.txt (TUM) and, last, simulation.yaml: all options, and the
error of the drifting poses, as if without resets (RMSE of the ATE after Sim(3) alignment, metres).
"""

from __future__ import annotations

import argparse
import sys
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
import yaml
from simulation.config import IMAGE_SOURCES, SimulationConfig
from simulation.segments import Segment
from simulation.simulator import PredictionSimulator, drift_for_error, raw_error
from simulation.truth import DepthRenderer, fuse_truth, true_poses
from tqdm import tqdm

from mapper.backend.fusion.tsdf import TsdfConfig
from mapper.core.mesh import Mesh
from mapper.core.prediction_files import save_prediction
from mapper.core.settings_model import from_mapping
from mapper.core.trajectory import Trajectory
from mapper.core.yaml_text import read_mapping
from mapper.errors import ConfigError, InputError, MapperError
from mapper.io.meshes.mesh_files import read_mesh, write_mesh
from mapper.io.sequences.open_sequence import open_sequence
from mapper.io.sequences.sequence import Sequence
from mapper.io.trajectory_files import write_tum
from mapper.runtime.atomic_files import atomic_write

MESH = "truth_mesh.ply"
DESCRIPTION = "simulation.yaml"
MAX_MEMORY_MB = 3000.0


def main() -> int:
    try:
        errors = _errors()
        simulate(_parser(errors).parse_args(), errors)
    except MapperError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


def simulate(arguments: argparse.Namespace, errors: SimulationConfig) -> None:
    """Write the predictions and, last, what they were made with.

    errors: what the command line does not change.
    """
    out: Path = arguments.out
    _clear(out, arguments.overwrite)
    sequence = open_sequence(
        arguments.sequence,
        start=arguments.start,
        stride=arguments.stride,
        max_frames=arguments.max_frames,
    )
    poses = true_poses(sequence)
    config = _config(arguments, errors)
    if arguments.target_ate is not None:
        config = drift_for_error(sequence.timestamps, poses, config, arguments.target_ate)
    error = raw_error(sequence.timestamps, poses, config)
    mesh = _truth(arguments, sequence, poses)
    _write_truth(out, mesh, sequence.timestamps, poses)
    simulator = PredictionSimulator(sequence, DepthRenderer(mesh), poses, config)
    for prediction in tqdm(simulator, total=len(simulator), unit=" predictions", leave=False):
        save_prediction(out, prediction)
    report = {
        "sequence": sequence.name,
        "frames": {key: getattr(arguments, key) for key in ("start", "stride", "max_frames")},
        "options": asdict(config),
        "segments": [_described(segment) for segment in simulator.segments],
        "predictions": len(simulator),
        "raw_ate_sim3": error,
    }
    with atomic_write(out / DESCRIPTION) as file:
        yaml.safe_dump(report, file, sort_keys=False)
    print(f"{out}: {len(simulator)} predictions, raw ATE {100 * error:.1f} cm")


def _described(segment: Segment) -> dict[str, Any]:
    return {
        "id": segment.id,
        "first": segment.frames[0],
        "last": segment.frames[-1],
        "scale": segment.scale,
    }


def _clear(out: Path, overwrite: bool) -> None:
    """Earlier predictions would be played back among the new ones."""
    earlier = list(out.glob("*.npz"))
    if earlier and not overwrite:
        raise InputError(f"{out}: holds predictions already; name a new folder or add --overwrite")
    for path in earlier:
        path.unlink()


def _truth(arguments: argparse.Namespace, sequence: Sequence, poses: np.ndarray) -> Mesh:
    """The mesh of an earlier simulation, or a new one."""
    if arguments.truth is not None:
        _check_same_sequence(arguments.truth, sequence)
        return read_mesh(arguments.truth / MESH)
    known = np.flatnonzero(np.isfinite(poses).all((1, 2)))[:: arguments.fuse_every]
    config = TsdfConfig(voxel_size=arguments.voxel_size, max_memory_mb=MAX_MEMORY_MB)
    return fuse_truth(sequence, poses, tqdm(known, unit=" fused", leave=False), config)


def _check_same_sequence(folder: Path, sequence: Sequence) -> None:
    path = folder / DESCRIPTION
    try:
        name = read_mapping(path)["sequence"]
    except (ConfigError, KeyError) as error:
        raise InputError(
            f"{path}: does not describe a simulation; name the folder of a finished one"
        ) from error
    if name != sequence.name:
        raise InputError(f"{path}: is of {name}, not of {sequence.name}; leave --truth out")


def _write_truth(out: Path, mesh: Mesh, timestamps: np.ndarray, poses: np.ndarray) -> None:
    out.mkdir(parents=True, exist_ok=True)
    write_mesh(out / MESH, mesh)
    known = np.isfinite(poses).all((1, 2))
    write_tum(out / "groundtruth.txt", Trajectory(timestamps[known], poses[known]))


def _errors() -> SimulationConfig:
    """The defaults, or those of --errors."""
    parser = argparse.ArgumentParser(add_help=False)
    parser.add_argument("--errors", type=Path)
    path = parser.parse_known_args()[0].errors
    return (
        SimulationConfig() if path is None else from_mapping(SimulationConfig, read_mapping(path))
    )


def _config(arguments: argparse.Namespace, config: SimulationConfig) -> SimulationConfig:
    """`config` with what the command line changes."""
    changes: dict[str, Any] = {
        name: getattr(arguments, name)
        for name in ("seed", "width", "reset_every", "metric", "focal_error")
    }
    config = replace(config, lost=tuple(map(_stretch, arguments.lost)), **changes)
    config = replace(
        config,
        drift=replace(
            config.drift,
            rotation_deg=arguments.rotation_drift,
            translation=arguments.translation_drift,
            log_scale=arguments.scale_drift,
        ),
        depth=replace(
            config.depth,
            bias=arguments.depth_bias,
            warp=arguments.depth_warp,
            noise=arguments.depth_noise,
        ),
        outliers=replace(config.outliers, count=arguments.outliers),
        images=replace(config.images, source=arguments.images),
    )
    return config.without_errors() if arguments.exact else config


def _stretch(text: str) -> tuple[int, int]:
    start, _, count = text.partition(":")
    if not (start.isdigit() and count.isdigit()):
        raise ConfigError(f"--lost {text}: expected START:COUNT, two numbers of frames")
    return int(start), int(count)


def _parser(config: SimulationConfig) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("sequence", type=Path)
    parser.add_argument("--out", type=Path, required=True, metavar="DIR", help="folder to write")
    parser.add_argument("--overwrite", action="store_true", help="replace the predictions in DIR")
    _add_truth_options(parser, config)
    _add_error_options(parser, config)
    return parser


def _add_truth_options(parser: argparse.ArgumentParser, config: SimulationConfig) -> None:
    group = parser.add_argument_group("frames and truth")
    group.add_argument("--start", type=int, default=0, metavar="N", help="first frame")
    group.add_argument("--stride", type=int, default=1, metavar="N", help="take every N-th frame")
    group.add_argument("--max-frames", type=int, metavar="N", help="take at most N frames")
    group.add_argument(
        "--images",
        choices=IMAGE_SOURCES,
        default=config.images.source,
        help="views of the textured truth, or the sequence's own, which fit it less (%(default)s)",
    )
    group.add_argument("--width", type=int, default=config.width, help="pixels")
    group.add_argument(
        "--truth", type=Path, metavar="DIR2", help="take the mesh of an earlier simulation"
    )
    group.add_argument("--voxel-size", type=float, default=0.015, help="of the mesh, metres")
    group.add_argument("--fuse-every", type=int, default=5, metavar="N", help="frames of the mesh")


def _add_error_options(parser: argparse.ArgumentParser, config: SimulationConfig) -> None:
    group = parser.add_argument_group("errors")
    group.add_argument(
        "--errors",
        type=Path,
        metavar="FILE",
        help="settings of a simulation.yaml instead of the defaults below, such as those measured "
        "of a network: simulation/stream3r_mini.yaml",
    )

    def number(flag: str, default: float, help: str) -> None:
        group.add_argument(
            flag, type=type(default), default=default, metavar="X", help=f"{help} ({default:g})"
        )

    number("--seed", config.seed, "of everything drawn at random")
    number("--rotation-drift", config.drift.rotation_deg, "degrees a frame and axis")
    number("--translation-drift", config.drift.translation, "metres a frame and axis")
    number("--scale-drift", config.drift.log_scale, "of the scale's logarithm, a frame")
    number("--depth-bias", config.depth.bias, "of a frame's log-depth")
    number("--depth-warp", config.depth.warp, "smooth over the image, of log-depth")
    number("--depth-noise", config.depth.noise, "of each pixel's log-depth")
    number("--outliers", config.outliers.count, "moving blobs with wrong depth")
    number("--focal-error", config.focal_error, "relative, of the focal lengths given")
    number("--reset-every", config.reset_every, "frames in a segment of its own scale; 0 = never")
    group.add_argument(
        "--lost",
        action="append",
        default=[],
        metavar="START:COUNT",
        help="stretch without predictions; may be repeated",
    )
    group.add_argument("--metric", action="store_true", help="mark predictions metric")
    amount = group.add_mutually_exclusive_group()
    amount.add_argument(
        "--exact", action="store_true", help="no drift and no errors; resets and losses stay"
    )
    amount.add_argument(
        "--target-ate",
        type=float,
        metavar="X",
        help="scale the three drifts so that the raw ATE (Sim(3), without resets) is X metres",
    )


if __name__ == "__main__":
    sys.exit(main())
