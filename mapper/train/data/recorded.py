"""Scenes of one's own: what a depth camera took, with its own poses or those of a run."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from mapper.core.trajectory import MATCH_SECONDS, matching_times
from mapper.errors import InputError
from mapper.io.sequences.open_sequence import open_sequence
from mapper.io.sequences.sequence import Sequence
from mapper.run.directory import RunDirectory
from mapper.saved.map import load_map
from mapper.saved.results import sequence_again
from mapper.train.data.scene import View, checked


class RecordedScene:
    """Frames of a sequence whose poses are known; read when they are asked for."""

    def __init__(self, sequence: Sequence, frames: np.ndarray, T_world_camera: np.ndarray) -> None:
        self._sequence, self._frames, self._poses = sequence, frames, T_world_camera

    def __len__(self) -> int:
        return len(self._frames)

    def view(self, index: int) -> View:
        """One of them. Raises InputError for a frame without camera."""
        frame = self._sequence[int(self._frames[index])]
        if frame.intrinsics is None or frame.depth is None:
            raise InputError(
                f"{self._sequence.path}: frame {frame.index} has no calibration or no depth; give "
                "a calibration.yaml beside the images"
            )
        depth = frame.depth if frame.mask is None else np.where(frame.mask, frame.depth, 0)
        view = View(
            frame.image,
            depth.astype(np.float32),
            self._poses[index],
            frame.intrinsics.matrix,
        )
        return checked(view, f"{self._sequence.path}: frame {frame.index}")


def run_scene(path: Path) -> RecordedScene:
    """A finished run of a depth camera: its poses, and the images and depths that it was made of.

    Raises InputError where the sequence is gone, has no depth, or the map is in units of its own.
    """
    run = RunDirectory.open(path)
    if run.read_description().says.units != "metres":
        raise InputError(f"{path}: its map is not in metres, its depth is; run it with rgbd")
    sequence = sequence_again(run)
    if sequence is None:
        raise InputError(f"{path}: the sequence that it was made of is gone or changed")
    _refuse_without_depth(sequence)
    frames, trajectory = load_map(run).trajectory()
    return RecordedScene(sequence, frames, trajectory.T_world_camera)


def sequence_scene(path: Path) -> RecordedScene:
    """A recording with depth and true poses, of any format that `mapper run` reads."""
    sequence = open_sequence(path)
    _refuse_without_depth(sequence)
    truth = sequence.ground_truth
    if truth is None:
        raise InputError(
            f"{path}: no poses come with it; run mapper run {path} and train on the run directory"
        )
    poses, frames = matching_times(truth.timestamps, sequence.timestamps, MATCH_SECONDS)
    known = np.isfinite(truth.T_world_camera[poses]).all((1, 2))
    return RecordedScene(sequence, frames[known], truth.T_world_camera[poses[known]])


def _refuse_without_depth(sequence: Sequence) -> None:
    if not sequence.has_depth:
        sequence.close()
        raise InputError(f"{sequence.path}: training needs depth, and there is none")
