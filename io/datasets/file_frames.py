"""Bench sequences from the readers that the mapper itself uses, and their depth."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import numpy as np

from mapper.errors import InputError
from mapper.io.cameras.rig import Rig
from mapper.io.datasets.dataset import BenchSequence, poses_at
from mapper.io.sequences.decode import read_depth
from mapper.io.sequences.file_sequence import FileSequence


def bench_sequence(sequence: FileSequence, name: str, tolerance: float) -> BenchSequence:
    """The frames of a sequence opened with its colour camera as the view.

    tolerance: s, between an image and its ground-truth pose.
    """
    truth = sequence.ground_truth
    calibration = sequence.rig.calibration
    if calibration is not None and calibration.color.fisheye:
        raise InputError(f"{sequence.path}: the benchmarks do not know fisheye cameras")
    return BenchSequence(
        name=name,
        images=list(sequence.color_paths),
        timestamps=sequence.timestamps,
        T_world_camera=poses_at(sequence.timestamps, truth, tolerance) if truth else None,
        depths=list(sequence.depth_paths) or None,
        read_depth=_depth_reader(sequence) if sequence.depth_paths else None,
        intrinsics=calibration.color.intrinsics if calibration else None,
        masks=None,
        distortion=calibration.color.distortion if calibration else (),
    )


def _depth_reader(sequence: FileSequence) -> partial[np.ndarray]:
    calibration = sequence.rig.calibration
    if calibration is None or calibration.depth is None:
        return partial(read_depth, depth_scale=sequence.depth_scale)
    return partial(_registered_depth, depth_scale=sequence.depth_scale, rig=sequence.rig)


def _registered_depth(path: Path, depth_scale: float, rig: Rig) -> np.ndarray:
    """float32 (H, W), metres, warped from the depth camera's view into the colour camera's."""
    width, height = rig.color_size
    unused = np.zeros((height, width, 3), np.uint8)
    return rig.register(unused, read_depth(path, depth_scale))[1]


def read_limited_depth(path: Path, depth_scale: float, limit: float) -> np.ndarray:
    """A 16-bit image of depth_scale units a metre; readings beyond limit, m, are invalid."""
    depth = read_depth(path, depth_scale)
    depth[depth > limit] = 0.0
    return depth
