"""Poses that another program or sensor found for a sequence's frames, in any format that is read.

    poses.txt          TUM (timestamp and 7 numbers a line), or KITTI (12 numbers a frame)
    poses.csv          EuRoC: nanoseconds, position, quaternion wxyz; of the camera
    transforms.json    nerfstudio; or the folder that holds it
    sparse/0           a COLMAP model, or the folder that holds it

All are T_world_camera with OpenCV's axes, after the conventions of the format. Poses of formats
that name images belong to the frames whose files have these names.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from mapper.core.trajectory import Trajectory
from mapper.errors import InputError
from mapper.io.sequences.captures.colmap_model import model_folder, read_model
from mapper.io.sequences.captures.nerfstudio import FILES, poses_by_image
from mapper.io.sequences.truth_files import read_matrices, read_truth
from mapper.io.text_files import content_lines
from mapper.io.trajectory_files import read_euroc


@dataclass(frozen=True, slots=True, eq=False)
class FrameNames:
    """All frames of a sequence, whichever of them are mapped: times (N,), seconds, and the names of
    their image files; empty names where they have none."""

    times: np.ndarray
    names: tuple[str, ...]


@dataclass(frozen=True, slots=True, eq=False)
class FoundPoses:
    """trajectory: T_world_camera. is_metric: by the format; one that is made of images alone has
    no unit."""

    trajectory: Trajectory
    is_metric: bool


def read_poses(path: Path, frames: FrameNames, option: str = "--poses") -> FoundPoses:
    """The poses in a file or folder. Raises InputError that names it."""
    if not path.exists():
        raise InputError(f"{path}: no such file or folder; check {option}")
    if path.is_dir() and (folder := model_folder(path)) is not None:
        model = read_model(folder)
        names = [Path(name).name for name in model.names]
        by_name = dict(zip(names, model.T_world_camera, strict=True))
        return FoundPoses(_of_named(path, by_name, frames), is_metric=False)
    file = next((path / name for name in FILES if (path / name).is_file()), path)
    if file.is_dir():
        raise InputError(f"{path}: neither a COLMAP model nor {FILES[0]} is in this folder")
    if file.suffix.lower() == ".json":
        return FoundPoses(_of_named(file, poses_by_image(file), frames), is_metric=False)
    return FoundPoses(_of_lines(file, frames), is_metric=True)


def _of_lines(file: Path, frames: FrameNames) -> Trajectory:
    """A pose a line: TUM, EuRoC or KITTI, by how many numbers there are and what parts them."""
    first = next((line for _, line in content_lines(file)), "")
    if not first:
        raise InputError(f"{file}: there are no poses in it")
    words = first.replace(",", " ").replace(";", " ").split()
    if len(words) == 12:
        matrices = read_matrices(file)
        if len(matrices) != len(frames.times):
            raise InputError(
                f"{file}: {len(matrices)} poses without times for a sequence of "
                f"{len(frames.times)} frames; give them times (TUM's format)"
            )
        known = np.isfinite(matrices).all(axis=(1, 2))
        return Trajectory(frames.times[known], matrices[known])
    if "," in first and len(words) >= 8 and words[0].isdigit() and len(words[0]) > 12:
        return read_euroc(file)
    if len(words) == 8:
        return read_truth(file)[0]
    raise InputError(
        f"{file}: {len(words)} values in its first line, which is no pose of TUM (8), KITTI (12) "
        "or EuRoC (8 or more, with commas, the time in nanoseconds)"
    )


def _of_named(path: Path, by_name: dict[str, np.ndarray], frames: FrameNames) -> Trajectory:
    rows = [row for row, name in enumerate(frames.names) if name in by_name]
    if not rows:
        ours = frames.names[0] if frames.names and frames.names[0] else "without names"
        raise InputError(
            f"{path}: its poses are of images like {next(iter(by_name), 'none')}, those of the "
            f"sequence are {ours}; is it of another sequence?"
        )
    return Trajectory(frames.times[rows], np.array([by_name[frames.names[row]] for row in rows]))
