"""What mapper exports it maps again: the same way of the camera, from files of other programs."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from mapper.core.geometry import umeyama
from mapper.core.mesh import Mesh
from mapper.core.trajectory import Trajectory
from mapper.io.export.colmap import export_colmap
from mapper.io.export.nerfstudio import export_nerfstudio
from mapper.io.export.scene import ExportedImage, Scene
from mapper.io.sequences.open_sequence import open_sequence
from mapper.io.sequences.sequence import Sequence
from mapper.io.trajectory_files import read_tum
from mapper.pipeline import map_into
from mapper.request import RunRequest

FRAMES, STRIDE = 16, 3
ORIGIN = np.zeros((1, 3), np.float32)
POINT = Mesh(ORIGIN, np.zeros((0, 3), np.int32), np.zeros((1, 3), np.uint8), ORIGIN)


@pytest.fixture(scope="module")
def first(sample: Path, tmp_path_factory: pytest.TempPathFactory) -> Trajectory:
    out = tmp_path_factory.mktemp("runs") / "first"
    return mapped(RunRequest(sequence=sample, out=out, max_frames=FRAMES, stride=STRIDE))


def mapped(request: RunRequest) -> Trajectory:
    """All frames, by the tracker of a depth camera."""
    map_into(request)
    assert request.out is not None
    trajectory = read_tum(request.out / "trajectory.txt")
    assert len(trajectory) == FRAMES
    return trajectory


def exported(sequence: Sequence, trajectory: Trajectory) -> Scene:
    assert sequence.intrinsics is not None

    def depth(index: int) -> np.ndarray:
        found = sequence[index].depth
        assert found is not None
        return found

    def image(index: int) -> np.ndarray:
        return sequence[index].image

    images = [
        ExportedImage(
            f"frame_{index:06d}.png",
            trajectory.T_world_camera[index],
            sequence.intrinsics,
            partial(image, index),
            partial(depth, index),
        )
        for index in range(len(sequence))
    ]
    return Scene(images, POINT)


def distance(trajectory: Trajectory, truth: np.ndarray) -> float:
    """Metres, root mean square after alignment; truth: float64 (N, 3)."""
    _, T = umeyama(trajectory.positions, truth, with_scale=False)
    off = trajectory.positions @ T[:3, :3].T + T[:3, 3] - truth
    return float(np.sqrt((off**2).sum(axis=1).mean()))


@pytest.mark.parametrize("export", [export_colmap, export_nerfstudio])
def test_an_export_is_mapped_as_well_as_what_it_was_made_from(
    export: Callable, sample: Path, first: Trajectory, tmp_path: Path
) -> None:
    sequence = open_sequence(sample, stride=STRIDE, max_frames=FRAMES)
    export(tmp_path / "export", exported(sequence, first))
    again = mapped(RunRequest(sequence=tmp_path / "export", out=tmp_path / "again"))
    truth = sequence.ground_truth
    assert truth is not None
    nearest = np.abs(truth.timestamps[:, None] - sequence.timestamps).argmin(axis=0)
    exact = truth.positions[nearest]
    assert abs(distance(again, exact) - distance(first, exact)) < 0.001
    assert distance(again, first.positions) < 0.002
